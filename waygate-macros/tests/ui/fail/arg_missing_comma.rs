use waygate::disabled;

#[disabled(reason = "gone" route = "GET /a")]
async fn handler() {}

fn main() {}
