use waygate::rate_limit;

#[rate_limit("1/s", tier = "plan", route = "GET /a")]
async fn handler() {}

#[rate_limit("1/s", tiers = { a = "1/s" }, tier = "", route = "GET /a")]
async fn handler1() {}

fn main() {}
