use waygate::sunset;

#[sunset(since = "last year")]
async fn handler() {}

fn main() {}
