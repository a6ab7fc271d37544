use waygate::sunset;

#[sunset(since = "2028-01-01T00:00:00Z", sunset = "Fri, 01 Jan 2027 00:00:00 GMT")]
async fn handler() {}

fn main() {}
