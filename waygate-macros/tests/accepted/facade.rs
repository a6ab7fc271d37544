//! A facade that re-exports Waygate under its own name, with macros that expand to our attributes.

#![allow(missing_docs)]

pub mod house {
    pub mod gates {
        pub use waygate::*;
    }

    #[macro_export]
    macro_rules! closed_handler {
        ($name:ident => $reason:literal, $response:path) => {
            #[$crate::house::gates::disabled(reason = $reason, response = $response, crate = $crate::house::gates)]
            #[$crate::house::gates::env_only("dev", crate = $crate::house::gates)]
            #[$crate::house::gates::rate_limit("10/s", key = $crate::key, crate = $crate::house::gates)]
            #[$crate::house::gates::concurrency_limit(10, crate = $crate::house::gates)]
            async fn $name() {}
        };
    }
}

use house::gates;

fn closed(_: &gates::Blocked) -> &'static str {
    "closed"
}

fn key(_: &gates::response::RequestParts) -> Option<gates::limits::Key> {
    None
}

#[gates::disabled(crate = gates)]
#[gates::rate_limit("1/s", tiers = { pro = "2/s" }, key = key, crate = gates)]
#[utoipa::path(get, path = "/a")]
async fn relative() {}

closed_handler!(by_macro => "sold out", self::closed);

#[test]
fn it_compiles() {
    drop((relative(), by_macro()));
}
