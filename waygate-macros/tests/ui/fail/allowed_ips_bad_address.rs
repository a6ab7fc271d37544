use waygate::allowed_ips;

#[allowed_ips("10.0.0/8")]
async fn handler() {}

fn main() {}
