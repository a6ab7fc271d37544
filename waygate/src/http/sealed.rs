/// A parameter of methods that only this crate can call, which seals their traits.
#[derive(Debug)]
pub struct Sealed;
