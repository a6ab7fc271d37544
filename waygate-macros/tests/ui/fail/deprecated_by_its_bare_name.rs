use waygate::deprecated;

#[deprecated(sunset = "2030-01-01T00:00:00Z", route = "GET /a")]
async fn handler() {}

fn main() {}
