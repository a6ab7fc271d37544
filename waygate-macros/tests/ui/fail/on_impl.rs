use waygate::disabled;

struct Api;

#[disabled]
impl Api {
    async fn handler() {}
}

fn main() {}
