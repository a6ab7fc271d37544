waygate::flags! {
    pub OPAQUE: Opaque = Opaque;
}

#[derive(Debug, serde::Serialize)]
pub struct Opaque;

fn main() {}
