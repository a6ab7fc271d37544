//! Gates that cannot evaluate their flag: the default is served, counted and reported.

use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Waygate, flag_gate,
    flags::{Flag, FlagGate},
    health::Component,
    testing::TestApp,
};

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
    let [gate] = &waygate.route(ROUTE).unwrap().flag_gates[..] else {
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
