use waygate::rate_limit;

#[rate_limit("100/minut", route = "GET /a")]
async fn handler() {}

#[rate_limit("100/m", route = "GET /a")]
async fn handler1() {}

#[rate_limit("1.5/minute", route = "GET /a")]
async fn handler2() {}

#[rate_limit("unlimited", route = "GET /a")]
async fn handler3() {}

#[rate_limit("1/s; 2/s", route = "GET /a")]
async fn handler4() {}

#[rate_limit(100, route = "GET /a")]
async fn handler5() {}

#[rate_limit("1/s", "2/min", route = "GET /a")]
async fn handler6() {}

#[rate_limit(limit = "1/s", route = "GET /a")]
async fn handler7() {}

fn main() {}
