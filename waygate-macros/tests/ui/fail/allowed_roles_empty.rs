use waygate::allowed_roles;

#[allowed_roles()]
async fn handler() {}

fn main() {}
