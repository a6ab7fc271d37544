use waygate::rate_limit;

#[rate_limit("1/s", key = no_such_function, route = "GET /a")]
async fn handler() {}

fn main() {}
