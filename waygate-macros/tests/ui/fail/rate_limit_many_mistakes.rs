use waygate::rate_limit;

#[rate_limit("1/fortnight", algoritm = "fixed_window", key = "usr", burst = true, tiers = { pro = "x" }, exempt_ips = ["x"], name = "", route = "get /a")]
async fn handler() {}

fn main() {}
