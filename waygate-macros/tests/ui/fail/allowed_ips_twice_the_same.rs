use waygate::allowed_ips;

#[allowed_ips("10.0.0.0/8", "::ffff:10.0.0.0/104")]
async fn handler() {}

fn main() {}
