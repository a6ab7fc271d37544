use waygate::{Blocked, disabled};

fn closed(_: &Blocked) -> f32 {
    5.03
}

#[disabled(response = closed, route = "GET /a")]
async fn handler() {}

fn main() {}
