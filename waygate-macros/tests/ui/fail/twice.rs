use waygate::env_only;

#[env_only("dev")]
#[utoipa::path(get, path = "/a")]
#[env_only("staging")]
async fn handler() {}

fn main() {}
