use waygate::disabled;

#[disabled(route = "GET /a", crate = ::elsewhere)]
async fn handler() {}

fn main() {}
