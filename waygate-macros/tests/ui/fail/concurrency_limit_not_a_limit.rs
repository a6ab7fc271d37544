use waygate::concurrency_limit;

#[concurrency_limit(route = "GET /a")]
async fn handler() {}

#[concurrency_limit(0, route = "GET /a")]
async fn handler1() {}

#[concurrency_limit(-1, route = "GET /a")]
async fn handler2() {}

#[concurrency_limit("10", route = "GET /a")]
async fn handler3() {}

#[concurrency_limit(4294967296, route = "GET /a")]
async fn handler4() {}

#[concurrency_limit(10, 20, route = "GET /a")]
async fn handler5() {}

#[concurrency_limit(10, burst = 2, route = "GET /a")]
async fn handler6() {}

fn main() {}
