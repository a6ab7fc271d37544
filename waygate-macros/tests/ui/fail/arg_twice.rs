use waygate::disabled;

#[disabled(reason = "a", reason = "b")]
async fn handler() {}

fn main() {}
