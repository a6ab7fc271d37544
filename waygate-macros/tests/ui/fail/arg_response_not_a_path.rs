use waygate::disabled;

#[disabled(response = "responses::closed")]
async fn handler() {}

fn main() {}
