//! The prelude does not shadow the built-in `#[deprecated]`.

use waygate::prelude::*;

#[deprecated(since = "1.0.0", note = "use `new`")]
#[sunset(
    sunset = "2030-01-01T00:00:00Z",
    use_instead = "/new",
    route = "GET /old"
)]
async fn old() {}

#[allow(deprecated)]
#[test]
fn it_compiles() {
    drop(old());
}
