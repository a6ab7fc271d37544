waygate::flags! {
    pub SPACES: bool = false { key = "new checkout" }
    pub OWNERLESS: bool = false { owner = "" }
    pub WHEN: bool = false { expires = "2027-13-01" }
    pub UNKNOWN: bool = false { ownr = "payments" }
    pub TWICE: bool = false { key = "a", key = "b" }
    pub FIRST: bool = false { key = "same" }
    pub SECOND: bool = false { key = "same" }
    pub NO_TEXT: bool = false { key = NEW }
}

fn main() {}
