use waygate::maintenance;

#[maintenance(start = "2030-06-01T04:00:00Z", end = "2030-06-01T02:00:00Z")]
async fn handler() {}

fn main() {}
