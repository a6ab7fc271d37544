use waygate::disabled;

#[disabled]
struct Handler;

fn main() {}
