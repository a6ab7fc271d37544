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

fn main() {}
