use waygate::disabled;

struct Api;

impl Api {
    #[disabled]
    fn handler() -> Option<Self> {
        None
    }
}

fn main() {}
