use waygate::{env_only, maintenance};

#[maintenance]
#[env_only("dev", route = "GET /b")]
async fn handler() {}

fn main() {}
