use waygate::{limits::Key, rate_limit, response::RequestParts};

async fn tenant(_: &RequestParts) -> Option<Key> {
    let held = std::rc::Rc::new(());
    std::future::ready(()).await;
    drop(held);
    None
}

#[rate_limit("1/s", key = tenant, route = "GET /a")]
async fn handler() {}

fn main() {}
