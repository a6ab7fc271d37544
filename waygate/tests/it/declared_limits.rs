//! Checks of limits when handlers are bound to routes.

use std::borrow::Cow;

use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    __private::{ConcurrencyLimit, Declaration, Gate},
    BindError, Principal, concurrency_limit, rate_limit,
};

use crate::support::builder;

const HERE: &str = module_path!();

#[rate_limit("5/s", key = ["user", "path:tenant"])]
#[rate_limit("9/min", key = "path:tenant")]
#[concurrency_limit(1, key = "path:file")]
#[utoipa::path(get, path = "/files/{*file}", responses((status = OK)))]
async fn files() -> &'static str {
    "files"
}

fn mounted_at(prefix: &str) -> OpenApiRouter {
    OpenApiRouter::new().nest(prefix, OpenApiRouter::new().routes(routes!(files)))
}

/// A type of callers.
#[derive(Clone)]
struct Anonymous;

impl Principal for Anonymous {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        None
    }
}

async fn refused(api: OpenApiRouter) -> Vec<BindError> {
    let waygate = builder().principal::<Anonymous>().build().await.unwrap();
    waygate.guard(api).await.unwrap_err().errors().to_vec()
}

#[tokio::test]
async fn a_parameter_may_come_from_the_nest() {
    let waygate = builder().principal::<Anonymous>().build().await.unwrap();
    let guarded = waygate.guard(mounted_at("/tenants/{tenant}")).await;
    assert!(guarded.is_ok(), "{guarded:?}");
    assert_eq!(files().await, "files");
}

#[tokio::test]
async fn an_unknown_parameter_stops_the_start() {
    let errors = refused(mounted_at("/plain")).await;
    let [error] = &errors[..] else {
        panic!("two limits count by it, and it is missing once: {errors:#?}");
    };
    assert!(matches!(
        error,
        BindError::NoSuchParameter { handler, parameter, route, .. }
            if *handler == format!("{HERE}::files")
                && parameter == "tenant"
                && route.to_string() == "GET /plain/files/{*file}"
    ));
    let text = error.to_string();
    let start = format!("`{HERE}::files` (waygate/tests/it/declared_limits.rs:");
    assert!(text.starts_with(&start), "{text}");
    let end = "counts by `path:tenant`, but `GET /plain/files/{*file}` has no such parameter\n  help: it has `file`";
    assert!(text.ends_with(end), "{text}");
}

/// The attributes refuse this at compile time.
const fn by_hand(slots: &'static ConcurrencyLimit) -> Declaration {
    let gate = Gate::ConcurrencyLimit(slots);
    Declaration::new(BY_HAND, &BY_HAND, gate, &["GET /by/hand"], "by_hand.rs", 7)
}

const BY_HAND: &str = concat!(module_path!(), "::by_hand");

const SLOTS: ConcurrencyLimit = ConcurrencyLimit {
    name: Some("slots"),
    ordinal: 0,
    limit: 1,
    key: None,
    exempt_ips: &[],
    exempt_roles: &[],
};
static FIRST: ConcurrencyLimit = SLOTS;
static SECOND: ConcurrencyLimit = ConcurrencyLimit {
    ordinal: 1,
    ..SLOTS
};

waygate::__private::submit! { by_hand(&FIRST) }
waygate::__private::submit! { by_hand(&SECOND) }

#[tokio::test]
async fn two_limits_with_one_name_stop_the_start() {
    let router = axum::Router::new().route("/by/hand", axum::routing::get(|| async {}));
    let errors = refused(router.into()).await;
    let [error] = &errors[..] else {
        panic!("expected one error: {errors:#?}");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "`{BY_HAND}` (by_hand.rs:7) has two `#[concurrency_limit]` named `slots`\n  help: rename one of \
             them with `name = \"..\"`"
        )
    );
}

#[rate_limit("5/s", key = "user")]
#[rate_limit("5/s", key = "ip", name = "by-plan", tiers = { pro = "10/s" })]
#[rate_limit(
    "5/s",
    key = "user, header:x-tenant",
    name = "else",
    on_missing_key = "fallback_ip"
)]
#[rate_limit("5/s", name = "free", exempt_roles = ["staff"])]
#[concurrency_limit(1, key = "user")]
#[utoipa::path(get, path = "/callers", responses((status = OK)))]
async fn by_caller() {}

#[tokio::test]
async fn a_limit_by_caller_without_a_principal_type_stops_the_start() {
    let api = || OpenApiRouter::new().routes(routes!(by_caller));
    let waygate = builder().build().await.unwrap();
    let errors = waygate.guard(api()).await.unwrap_err();
    let texts: Vec<String> = errors.errors().iter().map(ToString::to_string).collect();
    let expected = [
        "the `#[rate_limit]` `default` counts by `user`",
        "the `#[rate_limit]` `by-plan` has `tiers`",
        "the `#[rate_limit]` `else` counts by `user`",
        "the `#[concurrency_limit]` `default` counts by `user`",
    ];
    assert_eq!(texts.len(), expected.len(), "{texts:#?}");
    for (text, expected) in texts.iter().zip(expected) {
        assert!(text.contains(&format!("{HERE}::by_caller")), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(
            text.contains("help: set the principal type with `.principal::<YourType>()`"),
            "{text}"
        );
    }
    let waygate = builder().principal::<Anonymous>().build().await.unwrap();
    assert!(waygate.guard(api()).await.is_ok());
}
