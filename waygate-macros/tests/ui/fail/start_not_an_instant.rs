use waygate::maintenance;

#[maintenance(start = "2030-01-01", end = "2030-01-02T00:00:00Z")]
async fn handler() {}

fn main() {}
