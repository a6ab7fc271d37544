use waygate::env_only;

#[env_only("dev", "Staging")]
async fn handler() {}

fn main() {}
