use waygate::disabled;

#[disabled(response = responses::closed, route = "GET /a")]
async fn handler() {}

fn main() {}
