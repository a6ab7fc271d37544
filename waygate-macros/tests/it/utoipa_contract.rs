//! Properties of utoipa that the attributes rely on: both orders of the attributes, and both ways of building a
//! document.
//!
//! `operation()` is called by path (`__path_x::operation()`), where an inherent function takes precedence over the
//! trait's. If a release of utoipa calls it in another way, these tests fail, and applications refuse to start.

use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Two modules with handlers of the same name, path and operation id, in both orders.
mod below {
    #[waygate::disabled(reason = "ours above, utoipa below")]
    #[utoipa::path(get, path = "/", extensions(("x-team" = json!("billing"))))]
    pub(crate) async fn list() {}
}

mod above {
    #[utoipa::path(get, path = "/", extensions(("x-team" = json!("users"))))]
    #[waygate::maintenance(reason = "utoipa above, ours below")]
    #[waygate::env_only("dev")]
    pub(crate) async fn list() {}
}

mod between {
    #[waygate::env_only("dev")]
    #[utoipa::path(get, path = "/")]
    #[waygate::disabled]
    pub(crate) async fn list() {}

    use utoipa::path as documented;

    #[waygate::disabled]
    #[documented(post, path = "/")]
    pub(crate) async fn create() {}

    #[waygate::disabled]
    #[cfg_attr(all(), utoipa::path(delete, path = "/"))]
    pub(crate) async fn clear() {}
}

mod plain {
    #[utoipa::path(get, path = "/")]
    pub(crate) async fn list() {}
}

fn id(module: &str, name: &str) -> Value {
    json!(format!("{}::{module}::{name}", module_path!()))
}

/// The function in the stamp of an operation, without the suffix that distinguishes it from functions of the same
/// name.
fn stamped(operation: &Value) -> Value {
    let stamp = operation.get("x-waygate-handler").and_then(Value::as_str);
    let function = stamp.and_then(|stamp| stamp.split_once('#'));
    function.map_or(Value::Null, |(function, _)| json!(function))
}

/// `(path, method, stamp)` of every operation, sorted.
fn stamps(document: utoipa::openapi::OpenApi) -> Vec<(String, String, Value)> {
    let document = serde_json::to_value(document).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut found: Vec<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter();
            operations
                .map(move |(method, operation)| (path.clone(), method.clone(), stamped(operation)))
        })
        .collect();
    found.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    found
}

fn row(path: &str, method: &str, stamp: Value) -> (String, String, Value) {
    (path.to_owned(), method.to_owned(), stamp)
}

#[test]
fn routes_carry_the_stamp_through_nest_and_merge() {
    let inner = OpenApiRouter::<()>::new()
        .nest("/below", OpenApiRouter::new().routes(routes!(below::list)))
        .nest("/above", OpenApiRouter::new().routes(routes!(above::list)))
        .merge(
            OpenApiRouter::new().nest("/plain", OpenApiRouter::new().routes(routes!(plain::list))),
        );
    let many = OpenApiRouter::new().routes(routes!(between::list, between::create, between::clear));
    let (_, document) = OpenApiRouter::new()
        .nest("/v1", inner.clone())
        .nest("/v2", inner)
        .nest("/between", many)
        .split_for_parts();
    assert_eq!(
        stamps(document),
        [
            row("/between", "delete", id("between", "clear")),
            row("/between", "get", id("between", "list")),
            row("/between", "post", id("between", "create")),
            row("/v1/above", "get", id("above", "list")),
            row("/v1/below", "get", id("below", "list")),
            row("/v1/plain", "get", Value::Null),
            row("/v2/above", "get", id("above", "list")),
            row("/v2/below", "get", id("below", "list")),
            row("/v2/plain", "get", Value::Null),
        ]
    );
}

#[derive(OpenApi)]
#[openapi(paths(below::list))]
struct Below;

#[derive(OpenApi)]
#[openapi(paths(above::list))]
struct Above;

#[derive(OpenApi)]
#[openapi(paths(between::list, between::create, between::clear))]
struct Between;

#[derive(OpenApi)]
#[openapi(paths(plain::list))]
struct Plain;

#[derive(OpenApi)]
#[openapi(nest(
    (path = "/below", api = Below),
    (path = "/above", api = Above),
    (path = "/between", api = Between),
    (path = "/plain", api = Plain),
))]
struct Inner;

#[derive(OpenApi)]
#[openapi(nest((path = "/v1", api = Inner)), paths(below::list))]
struct Document;

#[test]
fn derived_documents_carry_the_stamp_in_both_orders() {
    assert_eq!(
        stamps(Document::openapi()),
        [
            row("/", "get", id("below", "list")),
            row("/v1/above/", "get", id("above", "list")),
            row("/v1/below/", "get", id("below", "list")),
            row("/v1/between/", "delete", id("between", "clear")),
            row("/v1/between/", "get", id("between", "list")),
            row("/v1/between/", "post", id("between", "create")),
            row("/v1/plain/", "get", Value::Null),
        ]
    );
}

#[test]
fn extensions_of_the_user_stay() {
    let document = serde_json::to_value(Inner::openapi()).unwrap();
    assert_eq!(document["paths"]["/below/"]["get"]["x-team"], "billing");
    assert_eq!(document["paths"]["/above/"]["get"]["x-team"], "users");
}

/// The limit of the mechanism: code that names the trait bypasses the inherent function, so it sees the stamp only if
/// it is inside the attribute itself. Neither `routes!` nor `derive(OpenApi)` does so.
#[test]
fn calls_through_the_trait_see_only_stamps_of_utoipa_below() {
    fn stamp<T: utoipa::Path>() -> Value {
        stamped(&serde_json::to_value(T::operation()).unwrap())
    }
    assert_eq!(stamp::<below::__path_list>(), id("below", "list"));
    assert_eq!(stamp::<above::__path_list>(), Value::Null);
    assert_eq!(stamp::<between::__path_list>(), id("between", "list"));
    assert_eq!(stamp::<between::__path_create>(), Value::Null);
    assert_eq!(stamp::<between::__path_clear>(), id("between", "clear"));
}

mod elsewhere {
    #[allow(unused_imports)]
    use super::below::{__path_list as _, list as _};
    pub(crate) use super::{above::*, below::list as other};
}

#[tokio::test]
async fn globs_and_renames_find_utoipas_own_items() {
    use utoipa::Path as _;
    assert_eq!(elsewhere::__path_list::path(), "/");
    elsewhere::list().await;
    elsewhere::other().await;
    let mut router = OpenApiRouter::<()>::new().routes(routes!(elsewhere::list));
    assert_eq!(
        stamps(router.to_openapi()),
        [row("/", "get", id("above", "list"))]
    );
}
