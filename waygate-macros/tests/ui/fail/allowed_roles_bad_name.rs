use waygate::allowed_roles;

#[allowed_roles("billing admin")]
async fn handler() {}

fn main() {}
