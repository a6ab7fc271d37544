//! Whatever the handler is and wherever it stands, it registers and stays a plain function.

use waygate::{disabled as off, env_only as only, maintenance as maint};

use crate::{declaration, declarations};

const HERE: &str = module_path!();

fn is_registered(name: &str) -> bool {
    !declarations(&format!("{HERE}::{name}")).is_empty()
}

#[maint(reason = "renamed import", route = "GET /plain")]
async fn plain(number: u32) -> u32 {
    number + 1
}

#[off(route = "GET /sync")]
fn sync() -> &'static str {
    "sync"
}

#[off(route = "GET /generic")]
async fn generic<T>() -> T
where
    T: Default + Send,
{
    T::default()
}

#[off(route = "GET /never")]
async fn never_instantiated<T: Send>(_: T) {}

#[tokio::test]
async fn handlers_are_called_like_any_function() {
    assert_eq!(plain(1).await, 2);
    assert_eq!(sync(), "sync");
    assert_eq!(generic::<String>().await, "");
    for name in ["plain", "sync", "generic", "never_instantiated"] {
        assert!(is_registered(name), "{name} should be registered");
    }
}

#[off(route = "GET /gone")]
#[cfg(any())]
async fn gone() -> NoSuchType {}

#[cfg(any())]
#[off]
async fn gone_as_well() -> NoSuchType {}

#[off]
#[cfg(any())]
async fn gone_without_a_route() -> NoSuchType {}

#[off(reason = "the one that is there")]
#[cfg(not(any()))]
#[utoipa::path(get, path = "/either")]
async fn either() {}

#[off(reason = "the other one")]
#[cfg(any())]
#[utoipa::path(get, path = "/either")]
async fn either() {}

#[cfg_attr(all(), only("dev", route = "GET /conditional"))]
async fn conditional() {}

#[tokio::test]
async fn cfg_takes_the_declaration_with_it() {
    assert!(!is_registered("gone"));
    assert!(!is_registered("gone_as_well"));
    assert!(!is_registered("gone_without_a_route"));
    assert!(is_registered("conditional"));
    either().await;
    conditional().await;
    assert!(declaration(&format!("{HERE}::either")).line > 0);
}

#[tokio::test]
async fn handlers_inside_a_function_body() {
    use utoipa::Path as _;

    #[off(route = "GET /local")]
    async fn local() -> &'static str {
        "local"
    }
    #[off]
    #[utoipa::path(get, path = "/below")]
    async fn below() -> &'static str {
        "below"
    }
    #[utoipa::path(get, path = "/above")]
    #[off]
    async fn above() -> &'static str {
        "above"
    }
    assert_eq!(
        (local().await, below().await, above().await),
        ("local", "below", "above")
    );
    let stamp = |operation: utoipa::openapi::path::Operation| {
        serde_json::to_value(operation).unwrap()["x-waygate-handler"].clone()
    };
    let declared = |name: &str| *declaration(&format!("{HERE}::{name}")).stamp;
    assert_eq!(stamp(__path_below::operation()), declared("below"));
    assert_eq!(stamp(__path_above::operation()), declared("above"));
    assert_eq!(
        (__path_below::path(), __path_above::path()),
        ("/below".into(), "/above".into())
    );
}

#[axum::debug_handler]
#[maint(reason = "debug_handler above")]
#[utoipa::path(get, path = "/one")]
#[only("dev")]
async fn one() {}

#[maint(reason = "debug_handler between")]
#[axum::debug_handler]
#[utoipa::path(get, path = "/two")]
#[only("dev")]
async fn two(_: String) {}

#[utoipa::path(get, path = "/three")]
#[maint(reason = "debug_handler below")]
#[only("dev")]
#[axum::debug_handler]
async fn three() {}

#[tokio::test]
async fn debug_handler_stands_anywhere() {
    for name in ["one", "two", "three"] {
        assert_eq!(declarations(&format!("{HERE}::{name}")).len(), 2, "{name}");
    }
    one().await;
    two(String::new()).await;
    three().await;
}

trait Service {
    #[off(route = "GET /provided")]
    async fn provided(&self) -> u8 {
        1
    }
}

impl Service for () {}

struct Generic<T>(T);

impl<T: Clone> Generic<T> {
    #[off(route = "GET /method")]
    async fn method(&self) -> T {
        self.0.clone()
    }
}

#[tokio::test]
async fn associated_functions_with_a_route() {
    assert_eq!(().provided().await, 1);
    assert_eq!(Generic(2).method().await, 2);
    assert!(is_registered("provided") && is_registered("method"));
}

/// A handler that a macro writes: what it captured arrives in invisible groups.
macro_rules! handler {
    ($(#[$attr:meta])* $visibility:vis $name:ident, $reason:expr, $route:literal, $body:block) => {
        $(#[$attr])*
        #[off(reason = $reason, route = $route, crate = ::waygate)]
        $visibility async fn $name() -> u8 $body
    };
}

handler!(
    #[allow(clippy::unused_async)]
    pub(crate) by_macro,
    "captured",
    "GET /macro",
    { 3 }
);

#[tokio::test]
async fn handlers_written_by_macros() {
    assert_eq!(by_macro().await, 3);
    let declared = declaration(&format!("{HERE}::by_macro"));
    assert_eq!(
        declared.gate,
        waygate::__private::Gate::Disabled { reason: "captured" }
    );
}

/// A facade that re-exports Waygate.
mod house {
    pub(crate) mod gates {
        pub(crate) use waygate::{__private, disabled};
    }
}

use house::gates as near;

#[house::gates::disabled(crate = crate::forms::house::gates)]
#[utoipa::path(get, path = "/absolute")]
async fn absolute() {}

#[utoipa::path(get, path = "/relative")]
#[near::disabled(crate = near)]
async fn relative() {}

#[tokio::test]
async fn facades_under_another_name() {
    assert!(is_registered("absolute") && is_registered("relative"));
    absolute().await;
    relative().await;
}

#[off]
#[utoipa::path(get, path = "/raw")]
async fn r#match() {}

#[utoipa::path(get, path = "/raw")]
#[off]
async fn r#loop() {}

#[tokio::test]
async fn raw_names() {
    assert!(is_registered("r#match") && is_registered("r#loop"));
    r#match().await;
    r#loop().await;
}
