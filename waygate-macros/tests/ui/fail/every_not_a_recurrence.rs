use waygate::maintenance;

#[maintenance(every = "0 25 * * *", for = "2h", route = "GET /a")]
async fn bad_hour() {}

#[maintenance(every = "FREQ=HOURLY", at = "02:00", for = "2h", route = "GET /b")]
async fn bad_rule() {}

#[maintenance(every = "FREQ=DAILY", for = "2h", route = "GET /c")]
async fn without_time() {}

#[maintenance(every = "0 2 * * *", for = "25h", route = "GET /d")]
async fn overlapping() {}

#[maintenance(every = "0 2 * * *", for = "two hours", tz = "Berlin", except = ["Christmas"], route = "GET /e")]
async fn parts() {}

#[maintenance(every = "FREQ=DAILY", at = "25:00", for = "2h", route = "GET /f")]
async fn bad_time() {}

#[maintenance(every = "FREQ=DAILY;INTERVAL=2", at = "02:00", from = "tomorrow", for = "2h", route = "GET /g")]
async fn bad_day() {}

fn main() {}
