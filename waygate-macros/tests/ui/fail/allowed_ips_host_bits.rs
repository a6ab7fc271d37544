//! A network with host bits: it, or only the address, may be meant.

#[waygate::allowed_ips("10.0.0.1/8", route = "GET /jobs")]
async fn jobs() {}

#[waygate::rate_limit("10/minute", exempt_ips = ["192.0.2.1/24"], route = "GET /search")]
async fn search() {}

#[waygate::rate_limit("5/0 minutes", route = "GET /never")]
async fn never() {}

fn main() {}
