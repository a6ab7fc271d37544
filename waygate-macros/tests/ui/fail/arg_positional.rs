use waygate::force_active;

#[force_active("GET /health")]
async fn handler() {}

fn main() {}
