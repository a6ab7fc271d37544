use waygate::disabled;

#[disabled(reason = "line one\nline two")]
async fn handler() {}

fn main() {}
