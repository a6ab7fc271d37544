use waygate::disabled;

trait Api {
    #[disabled(route = "GET /a")]
    async fn handler();
}

fn main() {}
