use waygate::{allowed_ips, force_active};

#[force_active(route = "GET /a")]
#[allowed_ips("10.0.0.0/8")]
async fn handler() {}

fn main() {}
