use waygate::{rate_limit, response::RequestParts};

async fn rows(_: &RequestParts) -> u32 {
    1
}

#[rate_limit("1/s", cost = rows, route = "GET /a")]
async fn handler() {}

fn main() {}
