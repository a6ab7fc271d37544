use waygate::{allowed_roles, env_only, force_active};

#[allowed_roles("admin")]
#[env_only("dev")]
#[force_active]
async fn handler() {}

fn main() {}
