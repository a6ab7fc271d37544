use waygate::disabled;

struct Api;

impl Api {
    #[disabled(route = "GET users")]
    async fn handler(&self) {}
}

fn main() {}
