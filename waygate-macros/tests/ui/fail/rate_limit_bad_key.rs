use waygate::rate_limit;

#[rate_limit("1/s", key = "users", route = "GET /a")]
async fn handler() {}

#[rate_limit("1/s", key = "custom", route = "GET /a")]
async fn handler1() {}

#[rate_limit("1/s", key = "header:", route = "GET /a")]
async fn handler2() {}

#[rate_limit("1/s", key = "ip, ip", route = "GET /a")]
async fn handler3() {}

#[rate_limit("1/s", key = "global, ip", route = "GET /a")]
async fn handler4() {}

#[rate_limit("1/s", key = ["user", "custom", "ip, user", 5, "user"], route = "GET /a")]
async fn handler5() {}

#[rate_limit("1/s", key = [], route = "GET /a")]
async fn handler6() {}

#[rate_limit("1/s", key = 7, route = "GET /a")]
async fn handler7() {}

#[rate_limit("1/s", key = |_| None, route = "GET /a")]
async fn handler8() {}

fn main() {}
