/// A parameter of methods that only this crate calls, so that their traits have no implementations elsewhere.
#[derive(Debug)]
pub struct Sealed;
