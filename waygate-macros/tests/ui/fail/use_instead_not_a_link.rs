use waygate::sunset;

#[sunset(use_instead = "/v2/users or /v3/users")]
async fn handler() {}

fn main() {}
