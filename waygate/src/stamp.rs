/// Identifies a handler. One word, since it goes with each request.
pub type Stamp = &'static &'static str;
