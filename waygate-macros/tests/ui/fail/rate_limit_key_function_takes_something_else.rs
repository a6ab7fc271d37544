use waygate::{limits::Key, rate_limit};

fn tenant(_: String) -> Option<Key> {
    None
}

#[rate_limit("1/s", key = tenant, route = "GET /a")]
async fn handler() {}

fn main() {}
