use waygate::sunset;

#[sunset(sunset = "Mon, 01 Jan 2028 00:00:00 GMT")]
async fn handler() {}

fn main() {}
