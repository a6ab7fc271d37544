waygate::flags! {
    pub NEW_CHECKOUT: bool = false
}

fn main() {}
