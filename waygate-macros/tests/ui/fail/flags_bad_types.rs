waygate::flags! {
    pub SINGLE: f32 = 0.5;
    pub HUGE: i128 = 1;
    pub LETTER: char = 'a';
    pub TEXT: bool = "true";
    pub OWNED: String = String::new();
}

fn main() {}
