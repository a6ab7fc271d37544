use waygate::rate_limit;

#[rate_limit("1/s", shadow = "yes", lease = 1, rollout = "101", route = "GET /a")]
async fn handler() {}

#[rate_limit("1/s", shadow, rollout = 12.5, time_zone = "Berlin", route = "GET /a")]
async fn handler1() {}

fn main() {}
