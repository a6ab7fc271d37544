use waygate::{Blocked, disabled};

async fn closed(_: &Blocked) -> &'static str {
    let held = std::rc::Rc::new(());
    std::future::ready(()).await;
    drop(held);
    "closed"
}

#[disabled(response = closed, route = "GET /a")]
async fn handler() {}

fn main() {}
