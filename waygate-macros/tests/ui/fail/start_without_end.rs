use waygate::maintenance;

#[maintenance(start = "2030-01-01T02:00:00Z")]
async fn handler() {}

fn main() {}
