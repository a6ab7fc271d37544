use waygate::force_active;

#[force_active(route = "get /health")]
async fn handler() {}

fn main() {}
