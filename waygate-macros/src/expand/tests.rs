//! Snapshots of the generated code, one for each attribute and each way of binding.
//! Review changes with `cargo insta review`, or rewrite them with `INSTA_UPDATE=always`.

use insta::assert_snapshot;

use super::*;
use crate::attr::{
    allowed_ips, allowed_roles, canary, concurrency_limit, deprecated, disabled, env_only,
    flag_gate, force_active, maintenance, rate_limit,
};

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("the text should be Rust tokens")
}

fn expanded(attribute: &'static Attribute, binding: Binding, args: &str, item: &str) -> String {
    let expanded = expand(attribute, binding, tokens(args), tokens(item));
    let file = syn::parse2(expanded).expect("the expansion should be items");
    prettyplease::unparse(&file)
}

/// Compares with `tests/expand/<name>.snap`.
fn check(name: &str, expanded: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/expand");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(name, expanded));
}

fn check_named(name: &str, attribute: &'static Attribute, args: &str) {
    let item = "async fn handler() -> &'static str { \"served\" }";
    check(name, &expanded(attribute, Binding::Named, args, item));
}

#[test]
fn maintenance() {
    check_named(
        "maintenance",
        &maintenance::ATTRIBUTE,
        r#"reason = "migration", start = "2030-01-01T02:00:00Z", end = "2030-01-01T06:00:00+02:00",
           response = responses::closed, route = "GET /a""#,
    );
}

#[test]
fn recurring_maintenance() {
    check_named(
        "recurring_maintenance",
        &maintenance::ATTRIBUTE,
        r#"every = "FREQ=MONTHLY;BYDAY=1SU", at = "02:00", for = "90m", tz = "Europe/Berlin",
           from = "2030-01-01", except = ["2030-02-03"], reason = "upgrade", route = "GET /a""#,
    );
}

#[test]
fn disabled() {
    check_named("disabled", &disabled::ATTRIBUTE, r#"route = "GET /a""#);
}

#[test]
fn unsafe_functions_stay_unsafe() {
    let head = "unsafe extern \"C\" fn foreign()";
    let item = format!("{head} {{}}");
    let args = r#"route = "GET /a""#;
    let expanded = expanded(&disabled::ATTRIBUTE, Binding::Named, args, &item);
    assert!(expanded.contains(head), "{expanded}");
}

/// The whole body waits, not only the future that it returns.
#[test]
fn returned_futures() {
    let future =
        "fn handler(body: String) -> impl Future<Output = String> + Send { async { body } }";
    let boxed =
        "fn handler(body: String) -> BoxFuture<'static, String> { Box::pin(async { body }) }";
    for (name, item) in [
        ("returned_future", future),
        ("returned_boxed_future", boxed),
    ] {
        let args = r#"route = "GET /a""#;
        check(
            name,
            &expanded(&disabled::ATTRIBUTE, Binding::Named, args, item),
        );
    }
}

#[test]
fn env_only() {
    check_named(
        "env_only",
        &env_only::ATTRIBUTE,
        r#""dev", "staging", route = "GET /a""#,
    );
}

#[test]
fn allowed_ips() {
    check_named(
        "allowed_ips",
        &allowed_ips::ATTRIBUTE,
        r#""10.0.0.0/8", "::1", route = "GET /a""#,
    );
}

#[test]
fn allowed_roles() {
    check_named(
        "allowed_roles",
        &allowed_roles::ATTRIBUTE,
        r#""admin", route = "GET /a""#,
    );
}

#[test]
fn deprecated() {
    check_named(
        "deprecated",
        &deprecated::ATTRIBUTE,
        r#"since = "2026-01-01T00:00:00Z", sunset = "Sat, 01 Jan 2028 00:00:00 GMT",
           use_instead = "/v2/a", route = "GET /a""#,
    );
}

#[test]
fn force_active() {
    check_named(
        "force_active",
        &force_active::ATTRIBUTE,
        r#"route = "GET /a""#,
    );
}

#[test]
fn flag_gate() {
    check_named(
        "flag_gate",
        &flag_gate::ATTRIBUTE,
        r#"flags::NEW, otherwise = responses::hidden, route = "GET /a""#,
    );
}

#[test]
fn canary() {
    let item = r#"
        /// A handler.
        pub async fn search(State(app): State<App>, Json(query): Json<Query>) -> String { "new" }
    "#;
    let args = r#"flag = flags::NEW, stable = v1::search, route = "POST /search""#;
    let expanded = expanded(&canary::ATTRIBUTE, Binding::Named, args, item);
    check("canary", &expanded);
}

#[test]
fn rate_limit() {
    check_named(
        "rate_limit",
        &rate_limit::ATTRIBUTE,
        r#""100/minute", algorithm = "token_bucket", key = ["user", "path:tenant"], on_missing_key = "block",
           burst = 20, cost = functions::cost, tiers = { free = "10/minute", "pay-as-you-go" = "unlimited" },
           tier = "plan", exempt_ips = ["10.0.0.0/8"], exempt_roles = ["admin"], shadow = true, rollout = "12.5",
           on_store_failure = "local", lease = true, time_zone = "Europe/Berlin", name = "per-minute",
           response = responses::busy, route = "GET /{tenant}""#,
    );
}

#[test]
fn third_rate_limit() {
    let item = r#"
        #[::waygate::__private::__waygate_bound(rate_limit, env_only, rate_limit("quota"), route = "GET /a")]
        async fn handler() {}
    "#;
    check(
        "third_rate_limit",
        &expanded(
            &rate_limit::ATTRIBUTE,
            Binding::Document,
            r#""3/s", key = keys::tenant, cost = 3"#,
            item,
        ),
    );
}

#[test]
fn concurrency_limit() {
    check_named(
        "concurrency_limit",
        &concurrency_limit::ATTRIBUTE,
        r#"10, key = "user", name = "per-user", exempt_ips = ["::1"], exempt_roles = ["admin"], route = "GET /a""#,
    );
}

#[test]
fn bound_by_document() {
    let item = r#"
        /// A handler.
        #[utoipa::path(get, path = "/a")]
        pub async fn handler<T>(state: State<T>) -> &'static str where T: Clone { "served" }
    "#;
    check(
        "bound_by_document",
        &expanded(&disabled::ATTRIBUTE, Binding::Document, "", item),
    );
}

#[test]
fn the_stamp_joins_the_last_extensions() {
    let item = r#"
        #[utoipa::path(get, path = "/a", extensions(("x-lost" = json!(0))), extensions(("x-mine" = json!(1))),)]
        async fn handler() {}
    "#;
    let expanded = expanded(&disabled::ATTRIBUTE, Binding::Document, "", item);
    let attribute = expanded
        .find("#[utoipa")
        .and_then(|at| expanded[at..].split_once(")]"));
    check(
        "extensions",
        attribute.expect("the attribute should stay").0,
    );
}

#[test]
fn second_of_two() {
    let item = r#"
        #[utoipa::path(get, path = "/a")]
        #[::waygate::__private::__waygate_bound(maintenance, route = "GET /a")]
        async fn handler() {}
    "#;
    check(
        "second_of_two",
        &expanded(&env_only::ATTRIBUTE, Binding::Document, "\"dev\"", item),
    );
}

#[test]
fn facade_under_another_name() {
    check_named(
        "facade_under_another_name",
        &disabled::ATTRIBUTE,
        r#"response = closed, route = "GET /a", crate = my_facade::gates"#,
    );
}

#[test]
fn an_unparsable_body_is_kept() {
    let item = "async fn handler() { #![allow(unused)] let x = some. ; }";
    let expanded = expand(
        &force_active::ATTRIBUTE,
        Binding::Document,
        TokenStream::new(),
        tokens(item),
    );
    let expanded = expanded.to_string();
    assert!(!expanded.contains("compile_error"), "{expanded}");
    assert!(
        expanded.contains("async fn handler () { # ! [allow (unused)] const _ : ()"),
        "{expanded}"
    );
    assert!(expanded.ends_with("let x = some . ; }"), "{expanded}");
}

#[test]
fn mistakes_leave_the_function_unchanged() {
    let item = "async fn handler () { }";
    let args = tokens(r#"raeson = "a", start = 5, , end = "b" response = "c""#);
    let expanded = expand(
        &maintenance::ATTRIBUTE,
        Binding::Document,
        args,
        tokens(item),
    )
    .to_string();
    assert_eq!(expanded.matches("compile_error").count(), 6, "{expanded}");
    assert!(expanded.ends_with(item), "{expanded}");
}

#[test]
fn the_response_of_a_flag_gate_has_another_name() {
    let args = tokens("flags::NEW, response = hidden");
    let item = tokens("async fn handler() {}");
    let expanded = expand(&flag_gate::ATTRIBUTE, Binding::Document, args, item).to_string();
    let message =
        "unknown argument `response` for #[flag_gate]: use `otherwise = path::to::function`";
    assert!(expanded.contains(message), "{expanded}");
}

#[test]
fn every_handler_names_its_route_without_documents() {
    let expand = |args: &str, item| {
        expand(
            &disabled::ATTRIBUTE,
            Binding::Named,
            tokens(args),
            tokens(item),
        )
    };
    let missing = expand("", "async fn handler() {}").to_string();
    assert!(
        missing.contains(
            "#[disabled] needs `route = \\\"METHOD /full/path\\\"` here: the feature `openapi` of Waygate is off"
        ),
        "{missing}"
    );
    let above =
        "#[::waygate::__private::__waygate_bound(env_only, route = \"GET /a\")] async fn h() {}";
    assert!(!expand("", above).to_string().contains("compile_error"));
}
