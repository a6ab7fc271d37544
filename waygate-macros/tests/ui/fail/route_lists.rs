use waygate::{disabled, env_only, rate_limit};

#[disabled(route = [])]
async fn none() {}

#[disabled(route = ["GET /a", "/b", "GET /a", "/b"])]
async fn twice() {}

#[disabled(route = ["GET /a", "GET b", 3, "get /c", "/:d"])]
async fn wrong() {}

#[disabled(route = GET)]
async fn word() {}

#[disabled(route = ["GET /a", "/b"])]
#[env_only("dev", route = ["/b", "GET /a"])]
#[rate_limit("1/s", route = "GET /a")]
async fn shared() {}

#[rate_limit("1/s", key = "path:id", route = ["GET /users/{id}", "/users", "/old/{user}"])]
async fn parameters() {}

fn main() {}
