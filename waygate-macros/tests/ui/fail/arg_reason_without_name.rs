use waygate::maintenance;

#[maintenance("database migration")]
async fn handler() {}

fn main() {}
