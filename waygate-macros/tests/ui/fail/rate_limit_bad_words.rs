use waygate::rate_limit;

#[rate_limit(
    "1/s",
    algorithm = "token_bukcet",
    on_missing_key = "fallback",
    on_store_failure = "open_up_and_let_everybody_in",
    route = "GET /a"
)]
async fn handler() {}

#[rate_limit("1/s", algorithm = token_bucket, on_missing_key = true, route = "GET /a")]
async fn handler1() {}

fn main() {}
