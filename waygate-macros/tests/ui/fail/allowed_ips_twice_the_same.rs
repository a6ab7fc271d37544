use waygate::allowed_ips;

#[allowed_ips("10.0.0.0/8", "10.1.2.3/8")]
async fn handler() {}

fn main() {}
