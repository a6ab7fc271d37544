use waygate::disabled;

#[disabled(reason: "gone")]
async fn handler() {}

fn main() {}
