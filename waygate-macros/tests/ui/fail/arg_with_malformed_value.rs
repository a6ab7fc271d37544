use waygate::disabled;

#[disabled(reason = ?, route = "GET /a")]
async fn handler() {}

fn main() {}
