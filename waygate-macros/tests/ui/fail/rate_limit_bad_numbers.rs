use waygate::rate_limit;

#[rate_limit("1/s", burst = -1, cost = 0, route = "GET /a")]
async fn handler() {}

#[rate_limit("1/s", burst = "20", cost = "2", route = "GET /a")]
async fn handler1() {}

#[rate_limit("1/s", burst = 9007199254740993, cost = 4294967296, route = "GET /a")]
async fn handler2() {}

fn main() {}
