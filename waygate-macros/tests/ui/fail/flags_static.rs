waygate::flags! {
    pub static NEW_CHECKOUT: bool = false;
}

fn main() {}
