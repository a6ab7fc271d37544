use waygate::rate_limit;

fn rows(body: Vec<u8>) -> u32 {
    body.len() as u32
}

#[rate_limit("1/s", cost = rows, route = "GET /a")]
async fn handler() {}

fn main() {}
