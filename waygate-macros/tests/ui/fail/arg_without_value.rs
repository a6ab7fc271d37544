use waygate::disabled;

#[disabled(reason)]
async fn handler() {}

fn main() {}
