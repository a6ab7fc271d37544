use waygate::force_active;

#[force_active(response = closed)]
async fn handler() {}

fn main() {}
