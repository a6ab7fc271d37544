//! utoipa's `__path_<fn>` can be imported and re-exported as usual.

#![allow(unreachable_pub, unused_imports)]

mod handlers {
    #[waygate::disabled]
    #[utoipa::path(get, path = "/below")]
    pub async fn below() {}

    #[utoipa::path(get, path = "/above")]
    #[waygate::disabled]
    pub async fn above() {}

    #[waygate::disabled(route = "GET /plain")]
    pub async fn plain() {}

    #[waygate::disabled]
    pub async fn undocumented() {}
}

mod explicit {
    pub use super::handlers::{__path_above, __path_below, above, below, plain, undocumented};
}

mod glob {
    pub use super::explicit::*;
}

mod globs {
    pub use super::{glob::*, handlers::*};
}

#[test]
fn it_compiles() {
    use utoipa::Path;

    assert_eq!(globs::__path_below::path(), "/below");
    assert_eq!(globs::__path_above::path(), "/above");
    drop((
        globs::below(),
        globs::above(),
        globs::plain(),
        globs::undocumented(),
    ));
}
