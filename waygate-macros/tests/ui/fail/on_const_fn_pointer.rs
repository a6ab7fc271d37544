use waygate::disabled;

#[disabled]
const HANDLER: fn() = main;

fn main() {}
