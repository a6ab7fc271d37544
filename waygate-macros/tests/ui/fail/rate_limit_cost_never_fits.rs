use waygate::rate_limit;

#[rate_limit("10/minute", cost = 50, route = "GET /a")]
async fn handler() {}

#[rate_limit("1000/hour; 10/second burst 5", cost = 16, route = "GET /a")]
async fn handler1() {}

#[rate_limit("100/minute", algorithm = "token_bucket", burst = 10, cost = 11, route = "GET /a")]
async fn handler2() {}

#[rate_limit("100/minute", tiers = { free = "10/minute", vip = "unlimited" }, cost = 50, route = "GET /a")]
async fn handler3() {}

fn main() {}
