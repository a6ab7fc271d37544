use waygate::rate_limit;

#[rate_limit("1001/minute", algorithm = "moving_window", route = "GET /a")]
async fn handler() {}

#[rate_limit("1000/minute", algorithm = "moving_window", burst = 1, route = "GET /a")]
async fn handler1() {}

#[rate_limit("1/calendar day", algorithm = "sliding_window", route = "GET /a")]
async fn handler2() {}

#[rate_limit("0/minute", algorithm = "token_bucket", route = "GET /a")]
async fn handler3() {}

#[rate_limit("1/minute", algorithm = "moving_window", tiers = { pro = "2000/minute", vip = "unlimited" }, route = "GET /a")]
async fn handler4() {}

fn main() {}
