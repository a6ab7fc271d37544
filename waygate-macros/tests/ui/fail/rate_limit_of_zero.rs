use waygate::rate_limit;

#[rate_limit("0/minute", route = "GET /a")]
async fn nothing() {}

#[rate_limit("5/second; 0/hour", algorithm = "sliding_window", route = "GET /a")]
async fn nothing_in_the_end() {}

#[rate_limit("0/minute", burst = 5, route = "GET /a")]
async fn a_burst() {}

#[rate_limit("0/minute", tiers = { pro = "5/minute" }, route = "GET /a")]
async fn for_some() {}

#[rate_limit("0/minute", exempt_roles = ["staff"], route = "GET /a")]
async fn for_others() {}

fn main() {}
