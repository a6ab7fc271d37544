use waygate::rate_limit;

#[rate_limit(route = "GET /a")]
async fn handler() {}

#[rate_limit(tiers = { pro = "100/minute" }, route = "GET /a")]
async fn handler1() {}

fn main() {}
