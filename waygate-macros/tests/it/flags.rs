//! Flags in code: their values, contexts and gates, over requests.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{Router, extract::Request, middleware::Next, response::Response, routing::get};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Blocked, BuildError, FlagContext, RouteGuard, Waygate, WaygateBuilder, canary,
    decision::{Decision, RequestHead},
    flag_gate,
    flags::{
        Cause, ErrorCode, EvaluationContext, Flag, FlagGate, FlagMismatch, FlagType, Reason,
        RequestFlags, TypedFlag,
    },
    maintenance,
    port::MemoryBackend,
    rate_limit,
    testing::{ManualClock, TestApp, bypass, with_flag},
};

waygate::flags! {
    /// The new checkout.
    pub NEW_CHECKOUT: bool = false { key = "new-checkout", owner = "payments", expires = "2027-03-01" }

    /// On unless it is stored.
    LEGACY: bool = true;

    /// The number of results of a page.
    PAGE_SIZE: u8 = 20 { variations = { small = 20, large = 100 } }

    SHARE: f64 = 0.5 {}
    TITLE: String = "Search" { key = "search.title" }
    LIMIT: i64 = -1;
    RETRIES: Retries = Retries { attempts: 3, note: Vec::from(["default"].map(str::to_owned)) } { owner = "Payments" }
    RANKING: Ranking = Ranking::Classic;
    NEVER_STORED: &'static str = "default";
    QUIET: bool = false;
}

#[derive(Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
struct Retries {
    attempts: u32,
    note: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ranking {
    Classic,
    Neural,
}

/// A flag that serves `value` to `targets`, and `other` to all others.
fn flag(key: &str, value_type: &str, value: Value, other: Value, targets: &[&str]) -> Flag {
    Flag::parse(&json!({
        "key": key, "name": key, "type": value_type,
        "variations": [{"name": "one", "value": value}, {"name": "other", "value": other}],
        "off_variation": "other", "fallthrough": "other",
        "targets": {"one": targets},
    }))
    .unwrap()
}

fn new_checkout(targets: &[&str]) -> Flag {
    flag(
        "new-checkout",
        "boolean",
        json!(true),
        json!(false),
        targets,
    )
}

async fn engine() -> Waygate {
    Waygate::builder().build().await.unwrap()
}

#[tokio::test]
async fn values_have_their_types() {
    let waygate = engine().await;
    let system = waygate.system();
    let user = EvaluationContext::new("alice");
    let flags = waygate.flags();
    let scope = flags.for_context(&user);
    assert_eq!((LEGACY.get(&scope), PAGE_SIZE.get(&scope)), (true, 20));
    assert_eq!((SHARE.get(&scope), LIMIT.get(&scope)), (0.5, -1));
    assert_eq!(
        (TITLE.get(&scope), NEVER_STORED.get(&scope)),
        ("Search", "default")
    );
    assert_eq!(RETRIES.get(&scope).note, ["default"]);
    assert_eq!(RANKING.get(&scope), &Ranking::Classic);

    let alice: &[&str] = &["alice"];
    let retries = json!({"attempts": 9, "note": []});
    for flag in [
        flag("legacy", "boolean", json!(false), json!(true), alice),
        flag("page-size", "integer", json!(100), json!(20), alice),
        flag("share", "float", json!(0.25), json!(1.0), alice),
        flag("limit", "integer", json!(i64::MAX), json!(0), alice),
        flag(
            "search.title",
            "string",
            json!("Suche"),
            json!("Search"),
            alice,
        ),
        flag(
            "retries",
            "json",
            retries,
            json!({"attempts": "many"}),
            alice,
        ),
        flag(
            "ranking",
            "string",
            json!("neural"),
            json!("classic"),
            alice,
        ),
    ] {
        system.create_flag(flag).await.unwrap();
    }
    let flags = waygate.flags();
    let scope = flags.for_context(&user);
    assert_eq!((LEGACY.get(&scope), PAGE_SIZE.get(&scope)), (false, 100));
    assert_eq!((SHARE.get(&scope), LIMIT.get(&scope)), (0.25, i64::MAX));
    assert_eq!(
        (TITLE.get(&scope), RETRIES.get(&scope).attempts),
        ("Suche", 9)
    );
    assert_eq!(RANKING.get(&scope), &Ranking::Neural);

    let details = TITLE.details(&scope);
    assert_eq!(
        (details.value(), details.variation()),
        ("Suche", Some("one"))
    );
    assert_eq!(
        (details.reason(), details.cause()),
        (Reason::TargetingMatch, Some(Cause::Target))
    );
    assert_eq!(
        (details.key(), details.is_default()),
        ("search.title", false)
    );
    // The values of a variation that the type cannot read.
    let bob = EvaluationContext::new("bob");
    let scope = flags.for_context(&bob);
    let details = RETRIES.details(&scope);
    assert_eq!(details.error(), Some(ErrorCode::TypeMismatch));
    assert_eq!(
        (details.value().attempts, details.reason()),
        (3, Reason::Error)
    );
}

#[tokio::test]
async fn a_value_of_another_type_is_the_default() {
    let waygate = engine().await;
    let system = waygate.system();
    system
        .create_flag(flag(
            "page-size",
            "integer",
            json!(256),
            json!(-1),
            &["alice"],
        ))
        .await
        .unwrap();
    system
        .create_flag(flag("legacy", "string", json!("off"), json!("on"), &[]))
        .await
        .unwrap();
    let flags = waygate.flags();
    for user in ["alice", "bob"] {
        let user = EvaluationContext::new(user);
        let scope = flags.for_context(&user);
        assert_eq!(
            PAGE_SIZE.details(&scope).error(),
            Some(ErrorCode::TypeMismatch)
        );
        assert_eq!((PAGE_SIZE.get(&scope), LEGACY.get(&scope)), (20, true));
    }
    // Two evaluations of each for both users.
    assert_eq!(flags.usage("legacy").unwrap().defaults, 2);
    assert_eq!(flags.usage("page-size").unwrap().defaults, 4);
}

#[tokio::test]
async fn a_deleted_flag_is_its_default_and_earlier_flags_stay() {
    let waygate = engine().await;
    let system = waygate.system();
    system.create_flag(new_checkout(&["alice"])).await.unwrap();
    let alice = EvaluationContext::new("alice");
    let before = waygate.flags();
    assert!(NEW_CHECKOUT.get(&before.for_context(&alice)));
    system.delete_flag("new-checkout").await.unwrap();
    assert!(!NEW_CHECKOUT.get(&waygate.flags().for_context(&alice)));
    assert!(NEW_CHECKOUT.get(&before.for_context(&alice)));
}

#[tokio::test]
async fn a_test_sets_values_in_its_task_only() {
    let waygate = engine().await;
    let anyone = EvaluationContext::anonymous();
    let read = async || {
        let flags = waygate.flags();
        let scope = flags.for_context(&anyone);
        (
            NEW_CHECKOUT.get(&scope),
            TITLE.get(&scope).to_owned(),
            RETRIES.get(&scope).attempts,
        )
    };
    let defaults = (false, "Search".to_owned(), 3);
    assert_eq!(read().await, defaults);
    let retries = Retries {
        attempts: 1,
        note: Vec::new(),
    };
    let set = with_flag(
        NEW_CHECKOUT,
        true,
        with_flag(
            TITLE,
            "Test",
            with_flag(RETRIES, retries, async {
                let nested = with_flag(TITLE, "Nested", read()).await;
                (read().await, nested)
            }),
        ),
    );
    let (set, other) = tokio::join!(set, read());
    assert_eq!(
        set,
        ((true, "Test".to_owned(), 1), (true, "Nested".to_owned(), 1))
    );
    assert_eq!(other, defaults);
    let details = with_flag(NEW_CHECKOUT, true, async {
        let flags = waygate.flags();
        NEW_CHECKOUT.details(&flags.for_context(&anyone)).reason()
    });
    assert_eq!(details.await, Reason::Static);
}

#[derive(Clone, FlagContext)]
struct Account {
    #[flag(key)]
    id: String,
    #[flag(attribute)]
    plan: &'static str,
    #[flag(kind = "organization", key)]
    organization: Option<String>,
}

async fn checkout(flags: RequestFlags) -> String {
    let other = flags.clone();
    format!("{} {}", NEW_CHECKOUT.get(&flags), TITLE.get(&other))
}

async fn authenticate(mut request: Request, next: Next) -> Response {
    if let Some(id) = request.headers().get("x-user") {
        let id = id.to_str().unwrap().to_owned();
        let organization = request
            .headers()
            .contains_key("x-acme")
            .then(|| "acme".to_owned());
        request.extensions_mut().insert(Account {
            id,
            plan: "pro",
            organization,
        });
    }
    next.run(request).await
}

#[tokio::test]
async fn the_principal_is_the_context() {
    let builder = Waygate::builder()
        .flag_principal::<Account>()
        .allow_unmounted("");
    let waygate = builder.build().await.unwrap();
    let definition = json!({
        "key": "new-checkout", "name": "New", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off",
        "rules": [{
            "clauses": [
                {"attribute": "plan", "operator": "in", "values": ["pro"]},
                {"attribute": "key", "operator": "in", "values": ["acme"], "context_kind": "organization"},
            ],
            "variation": "on",
        }],
    });
    waygate
        .system()
        .create_flag(Flag::parse(&definition).unwrap())
        .await
        .unwrap();
    let title = flag(
        "search.title",
        "string",
        json!("Suche"),
        json!("Search"),
        &["alice"],
    );
    waygate.system().create_flag(title).await.unwrap();
    let router = Router::new()
        .route("/checkout", get(checkout))
        .with_state(waygate.clone());
    let guarded = waygate.guard(router).await.unwrap();
    let app = TestApp::new(guarded.layer(axum::middleware::from_fn(authenticate)));
    assert_eq!(app.get("/checkout").await.text(), "false Search");
    let alice = app.with_header("x-user", "alice");
    assert_eq!(alice.get("/checkout").await.text(), "false Suche");
    let acme = alice.with_header("x-acme", "");
    assert_eq!(acme.get("/checkout").await.text(), "true Suche");
}

fn sorry(blocked: &Blocked) -> String {
    format!("sorry: {:?}", blocked.reason())
}

mod gated {
    use super::*;

    #[utoipa::path(get, path = "/gated/new")]
    #[flag_gate(NEW_CHECKOUT)]
    #[rate_limit("1/day", key = "global")]
    pub(super) async fn new(body: Option<axum::Json<Value>>) -> &'static str {
        let _ = body;
        "new"
    }

    #[flag_gate(LEGACY, otherwise = 403)]
    #[maintenance(reason = "moving")]
    #[utoipa::path(get, path = "/gated/legacy")]
    pub(super) async fn legacy() -> &'static str {
        "legacy"
    }

    #[flag_gate(super::QUIET, otherwise = sorry)]
    #[utoipa::path(get, path = "/gated/quiet")]
    pub(super) async fn quiet(flags: RequestFlags) -> String {
        format!("quiet {}", QUIET.get(&flags))
    }

    pub(super) const MODULE: &str = module_path!();
}

async fn gated() -> (Waygate, TestApp) {
    let builder = Waygate::builder()
        .only_handlers_under(gated::MODULE)
        .flag_context(|request| {
            let user = request
                .headers
                .get("x-user")
                .and_then(|user| user.to_str().ok());
            user.map_or_else(EvaluationContext::anonymous, EvaluationContext::new)
        });
    let waygate = builder.build().await.unwrap();
    let api = OpenApiRouter::new()
        .routes(routes!(gated::new))
        .routes(routes!(gated::legacy))
        .routes(routes!(gated::quiet))
        .with_state(waygate.clone());
    let app = waygate.guard(api).await.unwrap().openapi("/openapi.json");
    (waygate, TestApp::new(app))
}

#[tokio::test]
async fn a_gate_is_open_to_contexts_with_the_flag() {
    let (waygate, app) = gated().await;
    let alice = app.with_header("x-user", "alice");
    // Twice: the endpoint remembers its route.
    for _ in 0..2 {
        let refused = alice.get("/gated/new").await;
        assert_eq!(refused.status(), 404);
        let error =
            json!({"error": {"code": "NOT_FOUND", "message": "Not found", "path": "/gated/new"}});
        assert_eq!(refused.json::<Value>(), error);
    }
    waygate
        .system()
        .create_flag(new_checkout(&["alice"]))
        .await
        .unwrap();
    for _ in 0..2 {
        assert_eq!(app.get("/gated/new").await.status(), 404);
    }
    // Refusals by the flag are not counted.
    assert_eq!(alice.get("/gated/new").await.text(), "new");
    assert_eq!(alice.get("/gated/new").await.status(), 429);
    waygate.system().disable_flag("new-checkout").await.unwrap();
    assert_eq!(alice.get("/gated/new").await.status(), 404);
    assert_eq!(
        alice
            .request(axum::http::Method::HEAD, "/gated/new", "")
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn the_lifecycle_comes_before_the_flag() {
    let (waygate, app) = gated().await;
    let system = waygate.system();
    system
        .create_flag(flag(
            "legacy",
            "boolean",
            json!(true),
            json!(false),
            &["alice"],
        ))
        .await
        .unwrap();
    assert_eq!(app.get("/gated/legacy").await.status(), 503);
    system.enable("GET:/gated/legacy", "moved").await.unwrap();
    let refused = app.get("/gated/legacy").await;
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json::<Value>()["error"]["code"], "FLAG_OFF");
    assert!(!refused.text().contains("\"legacy\""), "{}", refused.text());
    let alice = app.with_header("x-user", "alice");
    assert_eq!(alice.get("/gated/legacy").await.text(), "legacy");
    assert_eq!(bypass(app.get("/gated/legacy")).await.text(), "legacy");
}

#[tokio::test]
async fn a_gate_answers_with_its_function_and_follows_tests() {
    let (_waygate, app) = gated().await;
    let refused = app.get("/gated/quiet").await;
    assert_eq!(refused.status(), 404);
    assert_eq!(
        refused.text(),
        "sorry: FlagOff { flag: \"quiet\", status: 404 }"
    );
    assert_eq!(
        with_flag(QUIET, true, app.get("/gated/quiet")).await.text(),
        "quiet true"
    );
    assert_eq!(app.get("/gated/quiet").await.status(), 404);
}

#[tokio::test]
async fn documents_and_records_have_the_gate() {
    let (waygate, app) = gated().await;
    let record = waygate.route("GET:/gated/new").unwrap();
    assert_eq!(record.flag_gates, [FlagGate::new("new-checkout", 404)]);
    let document = async || app.get("/openapi.json").await.json::<Value>();
    // Off for all: hidden by a 404.
    assert_eq!(document().await["paths"]["/gated/new"], Value::Null);
    let gate =
        |document: &Value, path: &str| document["paths"][path]["get"]["x-waygate-flag"].clone();
    let expected = json!({"key": "legacy", "otherwise": 403, "enabled": true});
    assert_eq!(gate(&document().await, "/gated/legacy"), expected);
    waygate
        .system()
        .create_flag(new_checkout(&["alice"]))
        .await
        .unwrap();
    let expected = json!({"key": "new-checkout", "otherwise": 404});
    assert_eq!(gate(&document().await, "/gated/new"), expected);
    waygate.system().disable_flag("new-checkout").await.unwrap();
    assert_eq!(document().await["paths"]["/gated/new"], Value::Null);
}

#[tokio::test]
async fn adapters_and_route_guards_decide_like_the_layer() {
    let (waygate, app) = gated().await;
    let open = async |user: &str| {
        let request = axum::http::Request::get("/gated/quiet")
            .header("x-user", user)
            .body(());
        let (parts, ()) = request.unwrap().into_parts();
        let head = RequestHead::new(&parts).matched("/gated/quiet");
        assert_eq!(
            waygate.decide(head).is_ok(),
            matches!(waygate.admit(head).await, Decision::Serve(_))
        );
        let guarded = async |_: RouteGuard| "guarded";
        let inner = Router::new()
            .route("/gated/quiet", get(guarded))
            .with_state(waygate.clone());
        let by_guard = TestApp::new(inner)
            .with_header("x-user", user)
            .get("/gated/quiet")
            .await;
        let by_layer = app.with_header("x-user", user).get("/gated/quiet").await;
        assert_eq!(
            by_guard.status().is_success(),
            by_layer.status().is_success()
        );
        assert_eq!(waygate.decide(head).is_ok(), by_layer.status().is_success());
        by_layer.status().is_success()
    };
    assert!(!open("alice").await);
    let quiet = flag("quiet", "boolean", json!(true), json!(false), &["alice"]);
    waygate.system().create_flag(quiet).await.unwrap();
    assert!(open("alice").await);
    assert!(!open("bob").await);
}

#[test]
fn a_flag_is_a_constant() {
    const COPY: TypedFlag<bool> = NEW_CHECKOUT;
    assert_eq!(COPY.key(), "new-checkout");
    assert_eq!(format!("{COPY:?}"), "TypedFlag(\"new-checkout\")");
}

fn findings(waygate: &Waygate, key: &str) -> Vec<FlagMismatch> {
    let all = waygate.flags().mismatches().into_iter();
    let of_key = all.filter(|finding| finding.key == key);
    of_key.map(|finding| finding.kind).collect()
}

mod other {
    waygate::flags! {
        /// The key of a flag that is declared elsewhere, too.
        pub NEVER_STORED: bool = true;
        /// Past its expiry.
        pub OLD: bool = false { expires = "2020-02-29" }
    }
}

#[tokio::test]
async fn the_report_compares_code_and_store() {
    let (waygate, _) = gated().await;
    let line = |finding: &str| {
        let report = waygate.report().to_string();
        let line = report.lines().find(|line| line.contains(finding));
        line.unwrap_or_else(|| panic!("no {finding:?} in {report}"))
            .to_owned()
    };
    let missing = line("flag `new-checkout`: ");
    let place = concat!("(", file!(), ":");
    assert!(
        missing.contains("declared and not stored; its default false is served"),
        "{missing}"
    );
    assert!(missing.contains(place), "{missing}");
    assert!(line("GET:/gated/new").contains("+flag `new-checkout`"));
    assert_eq!(
        findings(&waygate, "old"),
        [FlagMismatch::NotStored, FlagMismatch::Expired]
    );
    assert!(line("it expired on 2020-02-29").contains(place));
    assert!(findings(&waygate, "never-stored").contains(&FlagMismatch::DeclaredTwice));

    let system = waygate.system();
    for flag in [
        new_checkout(&[]),
        flag("stray", "boolean", json!(true), json!(false), &[]),
        flag("legacy", "string", json!("on"), json!("off"), &[]),
        flag("page-size", "integer", json!(20), json!(256), &[]),
        flag(
            "retries",
            "json",
            json!({"attempts": 1, "note": []}),
            json!([]),
            &[],
        ),
    ] {
        system.create_flag(flag).await.unwrap();
    }
    assert!(findings(&waygate, "new-checkout").is_empty());
    assert_eq!(findings(&waygate, "stray"), [FlagMismatch::NotDeclared]);
    assert_eq!(findings(&waygate, "legacy"), [FlagMismatch::TypeDiffers]);
    assert!(
        line("flag `legacy`: ").contains("stored with the type string and declared with boolean")
    );
    assert!(line("flag `page-size`: ").contains("cannot read the values of `other`"));
    assert!(line("flag `retries`: ").contains("cannot read the values of `other`"));
}

#[tokio::test]
async fn denied_differences_fail_the_start() {
    let backend = MemoryBackend::new();
    let build = async |denied: Vec<FlagMismatch>| {
        let builder = Waygate::builder()
            .backend(backend.clone())
            .deny_flags(denied);
        builder.build().await
    };
    let waygate = build(vec![FlagMismatch::NotDeclared, FlagMismatch::TypeDiffers])
        .await
        .unwrap();
    let stray = flag("stray", "boolean", json!(true), json!(false), &[]);
    waygate.system().create_flag(stray).await.unwrap();
    let refused = build(vec![FlagMismatch::NotDeclared]).await.unwrap_err();
    let text = "flags in the code and in the store differ: flag `stray`: it is stored, and no code of this process \
                declares it";
    assert_eq!(refused.to_string(), text);
    assert!(build(vec![FlagMismatch::TypeDiffers]).await.is_ok());
    let BuildError::Flags(missing) = build(vec![FlagMismatch::NotStored]).await.unwrap_err() else {
        panic!("another error");
    };
    assert!(missing.iter().any(|finding| finding.key == "new-checkout"));
}

#[tokio::test]
async fn declarations_are_data() {
    let (waygate, _) = gated().await;
    let all = waygate.flags().declarations();
    let of = |key: &str| all.iter().find(|flag| flag.key == key).unwrap();
    let new = serde_json::to_value(of("new-checkout")).unwrap();
    let expected = json!({
        "key": "new-checkout", "name": "NEW_CHECKOUT", "description": "The new checkout.", "type": "boolean",
        "default": false, "owner": "payments", "expires": "2027-03-01T00:00:00Z",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "schema": null, "module": module_path!(), "file": file!(), "line": new["line"],
        "routes": ["GET:/gated/new"], "canaries": [],
    });
    assert_eq!(new, expected);
    let line = include_str!("flags.rs")
        .lines()
        .nth(new["line"].as_u64().unwrap() as usize - 1);
    assert!(line.unwrap().contains("pub NEW_CHECKOUT: bool"));
    let retries = of("retries");
    assert_eq!(retries.value_type, FlagType::Json);
    assert_eq!(retries.default, json!({"attempts": 3, "note": ["default"]}));
    assert_eq!(
        retries.schema.as_ref().unwrap()["required"],
        json!(["attempts", "note"])
    );
    assert_eq!(
        (of("ranking").value_type, &of("ranking").schema),
        (FlagType::String, &None)
    );
    assert_eq!(of("page-size").variations[1].value, json!(100));
}

#[derive(Clone, axum::extract::FromRef)]
struct AppState {
    waygate: Waygate,
    name: &'static str,
}

mod arms {
    use super::*;
    use std::{io::Error, task::Poll};

    use axum::{
        body::Body,
        extract::{Path, State},
        http::StatusCode,
        response::IntoResponse,
    };
    use futures_util::stream;

    waygate::flags! {
        /// The new answers.
        pub NEW_ANSWERS: bool = false;
    }

    #[utoipa::path(get, path = "/arms/{kind}", params(("kind" = String, Path)))]
    #[canary(flag = NEW_ANSWERS, stable = stable)]
    #[rate_limit("100/day", key = "global")]
    pub(super) async fn answer(
        State(state): State<AppState>,
        flags: RequestFlags,
        Path(kind): Path<String>,
    ) -> Response {
        assert!(NEW_ANSWERS.get(&flags));
        match &*kind {
            "panic" => panic!("as asked"),
            "error" => StatusCode::BAD_GATEWAY.into_response(),
            "body" => {
                let broken = stream::iter([Ok("a"), Err(Error::other("broken"))]);
                Body::from_stream(broken).into_response()
            }
            "bodypanic" => {
                let broken = stream::poll_fn(|_| -> Poll<Option<Result<&str, Error>>> {
                    panic!("as asked")
                });
                Body::from_stream(broken).into_response()
            }
            "never" => std::future::pending().await,
            _ => format!("new {}", state.name).into_response(),
        }
    }

    async fn stable(State(name): State<&'static str>, body: String) -> String {
        format!("old {name}{body}")
    }

    pub(super) const MODULE: &str = module_path!();
}

async fn arms() -> (Waygate, Router, ManualClock) {
    let builder = Waygate::builder().flag_context(|request| {
        let user = request
            .headers
            .get("x-user")
            .and_then(|user| user.to_str().ok());
        user.map_or_else(EvaluationContext::anonymous, EvaluationContext::new)
    });
    arms_behind(builder, |_, router| router).await
}

/// The two handlers behind a layer inside the one of Waygate.
async fn arms_behind(
    builder: WaygateBuilder,
    layer: impl FnOnce(Waygate, OpenApiRouter) -> OpenApiRouter,
) -> (Waygate, Router, ManualClock) {
    let clock = ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
    let builder = builder
        .only_handlers_under(arms::MODULE)
        .clock(clock.clone());
    let waygate = builder.build().await.unwrap();
    let state = AppState {
        waygate: waygate.clone(),
        name: "app",
    };
    let api = OpenApiRouter::new()
        .routes(routes!(arms::answer))
        .with_state(state);
    let api = layer(waygate.clone(), api);
    let router = waygate
        .guard(api)
        .await
        .unwrap()
        .openapi("/openapi.json")
        .into_router();
    (waygate, router, clock)
}

#[tokio::test]
async fn a_canary_serves_callers_with_the_flag() {
    let (waygate, router, _) = arms().await;
    let app = TestApp::new(router);
    assert_eq!(app.get("/arms/x").await.text(), "old app");
    let definition = json!({
        "key": "new-answers", "name": "New answers", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off",
        "fallthrough": [{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}],
    });
    waygate
        .system()
        .create_flag(Flag::parse(&definition).unwrap())
        .await
        .unwrap();
    let mut new = Vec::new();
    for user in 0..40 {
        let user = app.with_header("x-user", &format!("user-{user}"));
        let first = user.get("/arms/x").await.text();
        assert_eq!(user.get("/arms/x").await.text(), first, "sticky");
        assert!(["new app", "old app"].contains(&&*first), "{first}");
        new.push(first == "new app");
    }
    let share = new.iter().filter(|new| **new).count();
    assert!((5..35).contains(&share), "{share}");
    let [canary] = &waygate.canaries()[..] else {
        panic!("one canary")
    };
    assert_eq!(canary.candidate.completed, 2 * share as u64);
    assert_eq!(canary.stable.completed, 2 * (40 - share as u64) + 1);
    assert_eq!(
        (canary.flag, canary.stable_handler),
        ("new-answers", "stable")
    );
    assert!(canary.candidate_handler.ends_with("::arms::answer"));
    // The document is that of the candidate, and the limit counts both.
    let document = app.get("/openapi.json").await.json::<Value>();
    let operation = &document["paths"]["/arms/{kind}"]["get"];
    assert_eq!(operation["parameters"][0]["name"], "kind");
    let mut last = 200;
    for _ in 0..20 {
        last = app.get("/arms/x").await.status().as_u16();
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn facts_are_apart_for_each_arm() {
    let (waygate, router, clock) = arms().await;
    let app = TestApp::new(router.clone());
    let new = async |path: &str| {
        with_flag(arms::NEW_ANSWERS, true, app.get(path))
            .await
            .status()
            .as_u16()
    };
    assert_eq!((new("/arms/x").await, new("/arms/error").await), (200, 502));
    app.get("/arms/error").await;
    let request = |path: &str| Request::get(path).body(axum::body::Body::empty()).unwrap();
    let panicking = with_flag(
        arms::NEW_ANSWERS,
        true,
        router.clone().oneshot(request("/arms/panic")),
    );
    assert!(AssertUnwindSafe(panicking).catch_unwind().await.is_err());
    let broken = with_flag(
        arms::NEW_ANSWERS,
        true,
        router.clone().oneshot(request("/arms/body")),
    );
    let body = broken.await.unwrap().into_body();
    assert!(axum::body::to_bytes(body, 100).await.is_err());
    let panicking = with_flag(
        arms::NEW_ANSWERS,
        true,
        router.clone().oneshot(request("/arms/bodypanic")),
    );
    let body = panicking.await.unwrap().into_body();
    let read = AssertUnwindSafe(axum::body::to_bytes(body, 100)).catch_unwind();
    assert!(read.await.is_err());
    let pending = with_flag(
        arms::NEW_ANSWERS,
        true,
        router.clone().oneshot(request("/arms/never")),
    );
    let mut pending = Box::pin(pending);
    assert!((&mut pending).now_or_never().is_none());
    clock.advance(Duration::from_secs(2));
    drop(pending);

    let [canary] = &waygate.canaries()[..] else {
        panic!("one canary")
    };
    let arm = &canary.candidate;
    assert_eq!(
        (arm.started, arm.completed, arm.failed, arm.aborted),
        (6, 5, 4, 1)
    );
    assert_eq!(arm.latency.total(), 5);
    assert_eq!(arm.aborted_after.total(), 1);
    assert!(arm.aborted_after.quantile(0.5) >= Some(Duration::from_secs(2)));
    let arm = &canary.stable;
    assert_eq!(
        (arm.started, arm.completed, arm.failed, arm.aborted),
        (1, 1, 0, 0)
    );
}

#[tokio::test]
async fn the_last_hour_of_each_arm_is_known_by_minute() {
    let (waygate, router, clock) = arms().await;
    let app = TestApp::new(router);
    let recent = |minutes| {
        let [canary] = &waygate.recent_canaries(minutes)[..] else {
            panic!("one canary")
        };
        let (stable, candidate) = (&canary.stable, &canary.candidate);
        assert_eq!(stable.latency.total(), stable.completed);
        (stable.completed, candidate.completed)
    };
    // Until the background task has noted the requests of the minutes before.
    let until = async |minutes, expected| {
        let found = async {
            while recent(minutes) != expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), found).await;
        assert!(found.is_ok(), "{:?}", recent(minutes));
    };
    let minute = Duration::from_secs(60);
    app.get("/arms/x").await;
    assert_eq!(recent(1), (1, 0));
    clock.advance(minute);
    until(1, (0, 0)).await;
    with_flag(arms::NEW_ANSWERS, true, app.get("/arms/x")).await;
    assert_eq!((recent(1), recent(2)), ((0, 1), (1, 1)));
    clock.advance(minute * 59);
    until(60, (0, 1)).await;
    clock.advance(minute);
    until(60, (0, 0)).await;
    assert_eq!(waygate.canaries()[0].stable.completed, 1);
}

#[tokio::test]
async fn a_middleware_that_reads_flags_leaves_the_facts_of_the_arms() {
    // Without a function of contexts, the first reader makes the request keep its context.
    let (waygate, router, _) = arms_behind(Waygate::builder(), |waygate, router| {
        let read = axum::middleware::from_fn_with_state(
            waygate,
            async |flags: RequestFlags, request: Request, next: Next| {
                assert!(!arms::NEW_ANSWERS.get(&flags));
                next.run(request).await
            },
        );
        router.route_layer(read)
    })
    .await;
    let app = TestApp::new(router);
    assert_eq!(app.get("/arms/x").await.text(), "old app");
    let [canary] = &waygate.canaries()[..] else {
        panic!("one canary")
    };
    assert_eq!((canary.stable.started, canary.stable.completed), (1, 1));
}
