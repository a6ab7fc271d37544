use waygate::disabled;

#[disabled(crate = house::<u8>::gates)]
async fn handler() {}

fn main() {}
