use axum::extract::State;
use waygate::canary;

waygate::flags! {
    pub NEW: bool = false;
    pub PAGE_SIZE: u32 = 20;
}

struct NoHandler;

async fn v1() {}
async fn with_state(State(_): State<u8>) {}

#[canary(flag = PAGE_SIZE, stable = v1, route = "GET /a")]
async fn of_a_number() {}

#[canary(flag = NEW, stable = NoHandler, route = "GET /b")]
async fn without_another() {}

#[canary(flag = NEW, stable = with_state, route = "GET /c")]
async fn without_state() {}

fn main() {}
