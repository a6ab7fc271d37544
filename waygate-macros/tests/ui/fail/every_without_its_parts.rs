use waygate::maintenance;

#[maintenance(every = "0 2 * * *", route = "GET /a")]
async fn without_length() {}

#[maintenance(for = "2h", tz = "Europe/Berlin", route = "GET /b")]
async fn without_every() {}

#[maintenance(
    every = "0 2 * * *",
    for = "2h",
    start = "2030-01-01T02:00:00Z",
    end = "2030-01-01T04:00:00Z",
    route = "GET /c"
)]
async fn both() {}

fn main() {}
