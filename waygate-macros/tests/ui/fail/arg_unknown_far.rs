#[waygate::deprecated(note = "use v2")]
async fn handler() {}

fn main() {}
