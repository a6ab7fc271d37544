waygate::flags! {
    pub SINGLE: f32 = 0.5;
    pub HUGE: i128 = 1;
    pub LETTER: char = 'a';
    pub TEXT: bool = "true";
    pub LARGE: u8 = 256;
    pub OWNED: String = String::new();
    pub OPAQUE: Opaque = Opaque;
}

pub struct Opaque;

fn main() {}
