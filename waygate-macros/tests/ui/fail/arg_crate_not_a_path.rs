use waygate::disabled;

#[disabled(crate = "house::gates")]
async fn handler() {}

fn main() {}
