use waygate::{canary, disabled};

waygate::flags! {
    pub NEW: bool = false;
}

async fn v1() {}

#[canary(route = "GET /a")]
async fn nothing() {}

#[canary(flag = "new", stable = v1, route = "GET /b")]
async fn by_key() {}

#[disabled(route = "GET /c")]
#[canary(flag = NEW, stable = v1)]
async fn below_another() {}

#[canary(flag = NEW, stable = v1, route = "GET /d")]
#[utoipa::path(get, path = "/d")]
async fn above_its_operation() {}

#[canary(flag = NEW, stable = v1, route = "GET /e")]
async fn generic<T>() {}

struct Search;

impl Search {
    #[canary(flag = NEW, stable = v1, route = "GET /f")]
    async fn method(self) {}
}

fn main() {}
