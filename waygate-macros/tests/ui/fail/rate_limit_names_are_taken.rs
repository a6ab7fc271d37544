use waygate::rate_limit;

#[rate_limit("1/s", name = "quota", route = "GET /a")]
#[waygate::env_only("dev")]
#[rate_limit("9/min", name = "quota")]
async fn handler() {}

#[rate_limit("1/s", name = "default-2", route = "GET /b")]
#[rate_limit("9/min")]
async fn handler1() {}

#[rate_limit("1/s", route = "GET /c")]
#[rate_limit("9/min", name = "default")]
async fn handler2() {}

#[rate_limit("1/s", name = "a b", route = "GET /d")]
async fn handler3() {}

fn main() {}
