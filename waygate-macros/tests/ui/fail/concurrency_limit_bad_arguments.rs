use waygate::concurrency_limit;

#[concurrency_limit(1, key = "custom", name = "", exempt_ips = ["x"], exempt_roles = "admin", route = "GET /a")]
async fn handler() {}

#[concurrency_limit(1, key = "path:id", route = "GET /b")]
async fn handler1() {}

#[concurrency_limit(1, route = "GET /c")]
#[concurrency_limit(2, name = "default")]
async fn handler2() {}

fn main() {}
