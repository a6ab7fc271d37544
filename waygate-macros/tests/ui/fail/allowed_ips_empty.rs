use waygate::allowed_ips;

#[allowed_ips(route = "GET /a")]
async fn handler() {}

fn main() {}
