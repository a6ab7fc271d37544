use waygate::rate_limit;

#[rate_limit("1/s", exempt_ips = ["10.0.0.0/33", "::1", "::1/128"], exempt_roles = ["a b", 7], route = "GET /a")]
async fn handler() {}

#[rate_limit("1/s", exempt_ips = "10.0.0.0/8", exempt_roles = [], route = "GET /a")]
async fn handler1() {}

fn main() {}
