use waygate::force_active;

#[force_active(route = "health")]
async fn handler() {}

fn main() {}
