//! Gates that cannot evaluate their flag: the default is served, counted and reported. Gates that do not see the caller
//! are reported too.

use std::sync::{Mutex, mpsc};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    FlagContext, Waygate, canary, flag_gate,
    flags::{EvaluationContext, Flag, FlagGate, FlagRequest, RequestFlags},
    health::Component,
    model::RouteState,
    testing::TestApp,
};

use crate::log::Log;

mod failing {
    use super::flag_gate;

    waygate::flags! {
        /// Open unless it can be evaluated.
        pub OPEN_BY_DEFAULT: bool = true;
    }

    #[flag_gate(OPEN_BY_DEFAULT)]
    #[utoipa::path(get, path = "/failing/open")]
    pub(super) async fn open() -> &'static str {
        "open"
    }

    pub(super) const MODULE: &str = module_path!();
}

const ROUTE: &str = "GET:/failing/open";

async fn app() -> (Waygate, TestApp) {
    let builder = Waygate::builder().only_handlers_under(failing::MODULE);
    let waygate = builder.build().await.unwrap();
    let api = OpenApiRouter::new().routes(routes!(failing::open));
    let app = TestApp::new(waygate.guard(api).await.unwrap());
    (waygate, app)
}

fn flag(value_type: &str, on: Value, fallthrough: Value) -> Flag {
    Flag::parse(&json!({
        "key": "open-by-default", "name": "Open", "type": value_type,
        "variations": [{"name": "on", "value": on}, {"name": "off", "value": if on == true { json!(false) } else { json!("off") }}],
        "off_variation": "off", "fallthrough": fallthrough,
    }))
    .unwrap()
}

fn gate(waygate: &Waygate) -> FlagGate {
    gate_of(waygate, ROUTE)
}

fn gate_of(waygate: &Waygate, route: &str) -> FlagGate {
    let [gate] = &waygate.route(route).unwrap().flag_gates[..] else {
        panic!("one gate")
    };
    gate.clone()
}

fn cause(waygate: &Waygate) -> String {
    let health = waygate.health();
    let flags = health.get(&Component::Flags);
    flags.map_or_else(String::new, |flags| flags.cause.clone())
}

#[tokio::test]
async fn a_gate_without_a_stored_flag_says_that_it_serves_the_default() {
    let (waygate, app) = app().await;
    assert_eq!((gate(&waygate).default, gate(&waygate).defaults), (true, 0));
    for _ in 0..3 {
        assert_eq!(app.get("/failing/open").await.text(), "open");
    }
    assert_eq!(gate(&waygate).defaults, 3);
    assert_eq!(gate(&waygate).errors, ["FLAG_NOT_FOUND"]);
    assert_eq!(waygate.flags().missing().total, 3);
    // The start report names it; a flag may be declared before it is stored.
    assert_eq!(cause(&waygate), "");
    let report = waygate.report().to_string();
    let line = "+flag `open-by-default` (its default true decided 3 requests: FLAG_NOT_FOUND)";
    assert!(report.contains(line), "{report}");

    let off = flag("boolean", json!(true), json!("off"));
    waygate.system().create_flag(off).await.unwrap();
    assert_eq!(app.get("/failing/open").await.status(), 404);
    assert_eq!(
        (gate(&waygate).defaults, gate(&waygate).errors.len()),
        (3, 0)
    );
    assert_eq!(cause(&waygate), "");
}

#[tokio::test]
async fn a_gate_with_a_flag_of_another_type_says_that_it_serves_the_default() {
    let (waygate, app) = app().await;
    let text = flag("string", json!("on"), json!("off"));
    waygate.system().create_flag(text).await.unwrap();
    assert_eq!(app.get("/failing/open").await.text(), "open");
    assert_eq!(gate(&waygate).errors, ["TYPE_MISMATCH"]);
    assert!(
        cause(&waygate).contains("no boolean"),
        "{}",
        cause(&waygate)
    );
    assert_eq!(
        waygate.flags().usage("open-by-default").unwrap().defaults,
        1
    );
}

#[tokio::test]
async fn a_context_without_a_key_is_counted_and_does_not_degrade_the_health() {
    let (waygate, app) = app().await;
    let rollout =
        json!([{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]);
    let split = flag("boolean", json!(true), rollout);
    waygate.system().create_flag(split).await.unwrap();
    for _ in 0..2 {
        assert_eq!(app.get("/failing/open").await.text(), "open");
    }
    assert_eq!(gate(&waygate).defaults, 2);
    assert_eq!(gate(&waygate).errors, ["TARGETING_KEY_MISSING"]);
    assert_eq!(cause(&waygate), "");
    let report = waygate.report().to_string();
    assert!(
        report.contains("decided 2 requests: TARGETING_KEY_MISSING"),
        "{report}"
    );
}

mod callers {
    use axum::extract::State;

    use super::{RequestFlags, Waygate, canary, flag_gate};

    waygate::flags! {
        /// For all but some.
        pub FOR_MOST: bool = false;
    }

    #[flag_gate(FOR_MOST)]
    #[utoipa::path(get, path = "/callers/read")]
    pub(super) async fn read(flags: RequestFlags, again: RequestFlags) -> String {
        format!("{} {}", FOR_MOST.get(&flags), FOR_MOST.get(&again))
    }

    #[utoipa::path(get, path = "/callers/arms")]
    #[canary(flag = FOR_MOST, stable = stable)]
    #[flag_gate(FOR_MOST)]
    pub(super) async fn arms(_: State<Waygate>, _: RequestFlags) -> &'static str {
        "candidate"
    }

    pub(super) async fn stable(_: State<Waygate>, flags: RequestFlags) -> String {
        format!("stable {}", FOR_MOST.get(&flags))
    }

    pub(super) const MODULE: &str = module_path!();
}

#[derive(Clone, FlagContext)]
struct Account {
    #[flag(key)]
    id: String,
}

async fn authenticate(mut request: Request, next: Next) -> Response {
    let user = request.headers().get("x-user").cloned();
    if let Some(user) = user {
        let id = user.to_str().unwrap().to_owned();
        request.extensions_mut().insert(Account { id });
    }
    next.run(request).await
}

/// A flag that is on for all but alice.
fn for_most(fallthrough: &str) -> Flag {
    Flag::parse(&json!({
        "key": "for-most", "name": "For most", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": fallthrough, "targets": {"off": ["alice"]},
    }))
    .unwrap()
}

/// The application with the layer that knows the caller around or inside of the guard.
async fn with_callers(is_around: bool) -> (Waygate, TestApp) {
    let (waygate, guarded) = guarded(is_around).await;
    (waygate, TestApp::new(guarded))
}

async fn guarded(is_around: bool) -> (Waygate, Router) {
    let builder = Waygate::builder().only_handlers_under(callers::MODULE);
    let waygate = builder.flag_principal::<Account>().build().await.unwrap();
    waygate.system().create_flag(for_most("on")).await.unwrap();
    let mut api = OpenApiRouter::new()
        .routes(routes!(callers::read))
        .routes(routes!(callers::arms))
        .with_state(waygate.clone());
    if !is_around {
        api = api.layer(from_fn(authenticate));
    }
    let mut guarded = waygate.guard(api).await.unwrap();
    if is_around {
        guarded = guarded.layer(from_fn(authenticate));
    }
    (waygate, guarded.into())
}

/// The requests without a caller, and those with a late one.
fn callers_of(waygate: &Waygate, route: &str) -> (u64, u64) {
    let gate = gate_of(waygate, route);
    (gate.without_caller, gate.late_callers)
}

#[tokio::test]
async fn a_gate_that_is_decided_before_the_caller_is_known_is_reported() {
    let (log, _guard) = Log::of_this_thread();
    let (waygate, app) = with_callers(false).await;
    let alice = app.with_header("x-user", "alice");
    // Without a caller at all, the gate and the handler agree.
    assert_eq!(app.get("/callers/read").await.text(), "true true");
    assert_eq!(callers_of(&waygate, "GET:/callers/read"), (1, 0));
    assert_eq!(cause(&waygate), "");
    let report = waygate.report().to_string();
    let line = "+flag `for-most` (1 requests without a caller)";
    assert!(report.contains(line), "{report}");

    // Open for a request without a caller, while the handler sees alice.
    for _ in 0..2 {
        assert_eq!(alice.get("/callers/read").await.text(), "false false");
    }
    assert_eq!(callers_of(&waygate, "GET:/callers/read"), (3, 2));
    let fault =
        "`GET:/callers/read`: the gate of the flag `for-most` is decided without the caller";
    assert!(cause(&waygate).contains(fault), "{}", cause(&waygate));
    assert!(cause(&waygate).contains("Guarded::layer"));
    let report = waygate.report().to_string();
    let line = "(decided 2 requests without the caller that their handler had)";
    assert!(report.contains(line), "{report}");

    let of_route = |event| log.count(&["route=GET:/callers/read", event]);
    assert_eq!(of_route("a request carries no caller"), 1);
    assert_eq!(of_route("without the caller that the handler has"), 1);

    // A canary and the flags of its handler agree, and a request is counted once.
    assert_eq!(alice.get("/callers/arms").await.text(), "stable false");
    assert_eq!(callers_of(&waygate, "GET:/callers/arms"), (1, 1));
    assert!(cause(&waygate).contains("`GET:/callers/arms`"));

    // All callers get the same value: nothing differs.
    let mut same = for_most("on");
    same.enabled = false;
    waygate.system().set_flag(same).await.unwrap();
    assert_eq!(cause(&waygate), "");
}

/// Checks that the gates refuse alice, and that bob's handlers see the flag as their gates do.
async fn check_gates(app: &TestApp, prefix: &str) {
    let (alice, bob) = (
        app.with_header("x-user", "alice"),
        app.with_header("x-user", "bob"),
    );
    for (path, served) in [("read", "true true"), ("arms", "candidate")] {
        let path = format!("{prefix}/callers/{path}");
        assert_eq!(alice.get(&path).await.status(), 404, "{path}");
        assert_eq!(bob.get(&path).await.text(), served, "{path}");
    }
}

#[tokio::test]
async fn a_gate_behind_the_layer_of_callers_sees_them() {
    let (waygate, app) = with_callers(true).await;
    check_gates(&app, "").await;
    for path in ["read", "arms"] {
        let route = format!("GET:/callers/{path}");
        assert_eq!(callers_of(&waygate, &route), (0, 0), "{route}");
    }
    assert_eq!(cause(&waygate), "");
}

#[tokio::test]
async fn a_handler_that_several_routes_govern_has_the_flags_of_its_gates() {
    let (waygate, guarded) = guarded(true).await;
    // Both paths are routes.
    for path in ["read", "arms"] {
        let route = format!("GET:/v1/callers/{path}").parse().unwrap();
        waygate
            .register(route, RouteState::default())
            .await
            .unwrap();
    }
    let app = TestApp::new(Router::new().nest_service("/v1", guarded));
    check_gates(&app, "/v1").await;
    let canaries = waygate.canaries();
    let requests = canaries.iter().map(|canary| canary.candidate.completed);
    assert_eq!(requests.collect::<Vec<_>>(), [1]);
}

/// A request may be evaluated with the flags before a change, and end after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_a_replaced_flag_is_not_kept() {
    let (has_entered, entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let may_leave = Mutex::new(may_leave);
    let context = move |_: &FlagRequest<'_>| {
        has_entered.send(()).unwrap();
        may_leave.lock().unwrap().recv().unwrap();
        EvaluationContext::new("user-1")
    };
    let builder = Waygate::builder().only_handlers_under(failing::MODULE);
    let waygate = builder.flag_context(context).build().await.unwrap();
    let api = OpenApiRouter::new().routes(routes!(failing::open));
    let app = TestApp::new(waygate.guard(api).await.unwrap());
    let wrong = flag("string", json!("on"), json!("on"));
    waygate.system().create_flag(wrong).await.unwrap();

    let request = tokio::spawn(async move { app.get("/failing/open").await.text() });
    tokio::task::block_in_place(|| entered.recv().unwrap());
    let right = flag("boolean", json!(true), json!("on"));
    waygate
        .system()
        .delete_flag("open-by-default")
        .await
        .unwrap();
    waygate.system().create_flag(right).await.unwrap();
    leave.send(()).unwrap();
    assert_eq!(request.await.unwrap(), "open", "the default");
    assert_eq!(gate(&waygate).defaults, 1);
    assert_eq!(gate(&waygate).errors, [""; 0]);
    assert_eq!(cause(&waygate), "");
}
