use waygate::disabled;

#[disabled(response = |_| "closed")]
async fn handler() {}

fn main() {}
