use waygate::maintenance;

#[maintenance(end = "2030-01-01T04:00:00Z")]
async fn handler() {}

fn main() {}
