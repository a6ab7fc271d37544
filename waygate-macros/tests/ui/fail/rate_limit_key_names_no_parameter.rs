use waygate::rate_limit;

#[rate_limit("1/s", key = "path:tenant_id", route = "GET /tenants/{tenant}/users/{id}")]
async fn handler() {}

#[rate_limit("1/s", key = ["user", "path:tenant"], route = "GET /users")]
async fn handler1() {}

#[rate_limit("1/s", route = "GET /files/{*rest}")]
#[waygate::concurrency_limit(1, key = "path:name")]
async fn handler2() {}

fn main() {}
