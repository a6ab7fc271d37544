use waygate::{rate_limit, response::RequestParts};

fn tenant(_: &RequestParts) -> String {
    String::new()
}

#[rate_limit("1/s", key = tenant, route = "GET /a")]
async fn handler() {}

fn main() {}
