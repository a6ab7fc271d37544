use waygate::maintenance;

#[maintenance(raeson = "move")]
async fn handler() {}

fn main() {}
