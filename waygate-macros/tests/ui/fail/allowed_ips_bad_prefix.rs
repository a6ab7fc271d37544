use waygate::allowed_ips;

#[allowed_ips("10.0.0.0/8", "10.0.0.0/33")]
async fn handler() {}

fn main() {}
