use waygate::disabled;

fn closed(reason: String) -> String {
    reason
}

#[disabled(response = closed, route = "GET /a")]
async fn handler() {}

fn main() {}
