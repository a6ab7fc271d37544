use waygate::rate_limit;

#[rate_limit(
    "1/s",
    tiers = { free = "10/minut", pro = "unlimited", "a b" = "1/s", pro = "2/s", pay-as-you-go = "3/s", gold = 5 },
    route = "GET /a"
)]
async fn handler() {}

#[rate_limit("1/s", tiers = {}, route = "GET /a")]
async fn handler1() {}

#[rate_limit("1/s", tiers = ["free"], route = "GET /a")]
async fn handler2() {}

#[rate_limit("1/s", tiers = { free "10/minute" }, route = "GET /a")]
async fn handler3() {}

#[rate_limit("1/s", tiers = { free: "10/minute" pro = "1/s" }, route = "GET /a")]
async fn handler4() {}

#[rate_limit("1/s", tiers = { pro: "1/minute" }, route = "GET /a")]
async fn handler5() {}

fn main() {}
