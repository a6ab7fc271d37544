use waygate::maintenance;

#[maintenance(start = "2030-06-01T04:00:00.1Z", end = "2030-06-01T04:00:00.9Z")]
async fn handler() {}

fn main() {}
