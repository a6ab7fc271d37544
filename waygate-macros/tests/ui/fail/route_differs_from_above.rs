use waygate::{env_only, maintenance};

#[maintenance(route = "GET /a")]
#[env_only("dev", route = "GET /b")]
async fn handler() {}

fn main() {}
