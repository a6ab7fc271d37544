use waygate::maintenance;

#[maintenance(reason = 503)]
async fn handler() {}

fn main() {}
