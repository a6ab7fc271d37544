waygate::flags! {
    pub NEW_CHECKOUT: bool;
}

fn main() {}
