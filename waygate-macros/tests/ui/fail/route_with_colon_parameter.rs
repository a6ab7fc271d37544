use waygate::force_active;

#[force_active(route = "GET /users/:id")]
async fn handler() {}

fn main() {}
