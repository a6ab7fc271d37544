use waygate::env_only;

#[env_only]
async fn handler() {}

fn main() {}
