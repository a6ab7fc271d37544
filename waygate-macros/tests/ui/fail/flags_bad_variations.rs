waygate::flags! {
    pub EMPTY: u32 = 1 { variations = {} }
    pub LIST: u32 = 1 { variations = [1, 2] }
    pub DEFAULT: u32 = 1 { variations = { two = 2, three = 3 } }
    pub TWICE: &str = "a" { variations = { one = "a", one = "b" } }
    pub NAME: u32 = 1 { variations = { "" = 1 } }
    pub ARROW: u32 = 1 { variations = { one => 1 } }
    pub TYPE: u32 = 1 { variations = { one = 1, many = "all" } }
}

fn main() {}
