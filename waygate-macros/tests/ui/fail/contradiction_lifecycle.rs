use waygate::{disabled as off, maintenance};

#[maintenance(reason = "a")]
#[off(reason = "b")]
async fn handler() {}

fn main() {}
