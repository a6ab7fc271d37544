use waygate::env_only;

#[env_only("dev", "staging", "dev")]
async fn handler() {}

fn main() {}
