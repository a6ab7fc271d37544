use waygate::env_only;

#[env_only(dev, ["staging"])]
async fn handler() {}

fn main() {}
