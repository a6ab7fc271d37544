use waygate::disabled;

struct Api;

impl Api {
    #[disabled]
    async fn handler(&self) {}
}

fn main() {}
