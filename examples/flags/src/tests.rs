//! Tests of such an application: values of flags for one test, and changes over the admin API.

use serde_json::{Value, json};
use waygate::{
    Waygate,
    testing::{TestApp, with_flag},
};

use super::{app, declared::*};

async fn start() -> (Waygate, TestApp) {
    let (waygate, router) = app(Waygate::builder()).await.unwrap();
    (waygate, TestApp::new(router))
}

#[tokio::test]
async fn defaults_are_served_until_flags_are_stored() {
    let (waygate, app) = start().await;
    let page = json!({"banner": "", "color": "grey", "results": 20});
    assert_eq!(app.get("/").await.json::<Value>(), page);
    assert_eq!(app.post("/checkout", &()).await.status(), 404);
    assert_eq!(app.get("/search?text=tea").await.text(), "results for tea");
    let report = waygate.report().to_string();
    assert!(
        report.contains("flag `new-checkout`: it is declared and not stored"),
        "{report}"
    );
}

#[tokio::test]
async fn a_test_sets_flags() {
    let (_, app) = start().await;
    let banner = Banner {
        text: "Sale".to_owned(),
        color: "red".to_owned(),
    };
    let page = with_flag(BANNER, banner, app.get("/")).await;
    assert_eq!(page.json::<Value>()["banner"], "Sale");
    let paid = with_flag(NEW_CHECKOUT, true, app.post("/checkout", &())).await;
    assert_eq!(paid.text(), "paid");
    let found = with_flag(NEW_SEARCH, true, app.get("/search?text=tea")).await;
    assert_eq!(found.text(), "new results for tea");
}

/// The application with the token of an operator.
async fn admin(app: &TestApp) -> TestApp {
    let login = json!({"username": "admin", "password": "secret"});
    let token = app
        .post("/waygate/api/auth/login", &login)
        .await
        .json::<Value>();
    app.with_header("x-waygate-token", token["token"].as_str().unwrap())
}

#[tokio::test]
async fn operators_see_the_flags_of_the_code() {
    let (waygate, app) = start().await;
    let admin = admin(&app).await;
    let get = async |path: &str| {
        let answer = admin.get(&format!("/waygate/api/{path}")).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.json::<Value>()
    };
    let declarations = get("flag-declarations").await;
    assert_eq!(declarations.as_array().unwrap().len(), 4);
    let of_checkout = get("flags/new-checkout/declarations").await;
    assert_eq!(of_checkout[0]["owner"], "payments");
    assert_eq!(of_checkout[0]["routes"], json!(["POST:/checkout"]));
    let file = of_checkout[0]["file"].as_str().unwrap();
    assert!(file.ends_with("declared.rs"), "{file}");
    let of_search = get("flags/new-search/declarations").await;
    assert_eq!(of_search[0]["canaries"], json!(["GET:/search"]));
    let unknown = admin.get("/waygate/api/flags/serch/declarations").await;
    assert_eq!(unknown.status(), 404);

    let findings = get("flag-findings").await;
    let (key, kind) = (&findings[0]["key"], &findings[0]["kind"]);
    assert_eq!((key, kind), (&json!("new-checkout"), &json!("not_stored")));
    assert!(findings[0]["line"].is_u64(), "{findings}");

    app.get("/search?text=tea").await;
    let canary = get("canaries").await[0].clone();
    assert_eq!(canary["flag"], "new-search");
    assert_eq!(canary["stable"]["completed"], 1);
    assert_eq!(canary["stable"]["latency"]["buckets"][0]["count"], 1);
    assert_eq!(canary["candidate"]["latency"]["p50"], Value::Null);
    assert_eq!(get("missing-flags").await["keys"][0]["key"], "new-search");

    let gates = |waygate: &Waygate| waygate.route("POST:/checkout").unwrap().flag_gates;
    assert_eq!(gates(&waygate).len(), 1);
    let route = get("routes/POST%3A%2Fcheckout").await;
    assert_eq!(route["flag_gates"][0]["flag"], "new-checkout");
}

/// The walk-through of `README.md`.
#[tokio::test]
async fn operators_change_flags_while_the_service_runs() {
    let (waygate, app) = start().await;
    let admin = admin(&app).await;

    let beta = json!({"key": "beta", "name": "Beta testers", "included": ["ada"]});
    assert_eq!(
        admin.post("/waygate/api/segments", &beta).await.status(),
        201
    );
    let on_off = json!([{"name": "on", "value": true}, {"name": "off", "value": false}]);
    let checkout = json!({
        "key": "new-checkout", "name": "New checkout", "type": "boolean",
        "variations": on_off, "off_variation": "off", "fallthrough": "off",
        "rules": [{
            "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}],
            "variation": "on",
        }],
    });
    assert_eq!(
        admin.post("/waygate/api/flags", &checkout).await.status(),
        201
    );
    let ada = app.with_header("user", "ada");
    assert_eq!(ada.post("/checkout", &()).await.text(), "paid");
    assert_eq!(
        app.with_header("user", "eve")
            .post("/checkout", &())
            .await
            .status(),
        404
    );

    let search = json!({
        "key": "new-search", "name": "New search", "type": "boolean",
        "variations": on_off, "off_variation": "off",
        "fallthrough": [{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}],
    });
    assert_eq!(
        admin.post("/waygate/api/flags", &search).await.status(),
        201
    );
    for user in 0..20 {
        let user = app.with_header("user", &format!("user-{user}"));
        let first = user.get("/search?text=tea").await.text();
        assert_eq!(user.get("/search?text=tea").await.text(), first);
    }
    let [canary] = &waygate.canaries()[..] else {
        panic!("one canary")
    };
    assert_eq!(canary.stable.completed + canary.candidate.completed, 40);
    assert!(canary.stable.completed > 0 && canary.candidate.completed > 0);

    let size = json!({
        "key": "page-size", "name": "Page size", "type": "integer",
        "variations": [{"name": "small", "value": 20}, {"name": "large", "value": 100}],
        "off_variation": "small", "fallthrough": "small",
        "rules": [{
            "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro"]}],
            "variation": "large",
        }],
    });
    assert_eq!(admin.post("/waygate/api/flags", &size).await.status(), 201);
    let pro = ada.with_header("plan", "pro").get("/").await;
    assert_eq!(pro.json::<Value>()["results"], 100);
    assert_eq!(ada.get("/").await.json::<Value>()["results"], 20);

    let off = admin
        .post("/waygate/api/flags/new-checkout/disable", &json!({}))
        .await;
    assert_eq!(off.status(), 200);
    assert_eq!(ada.post("/checkout", &()).await.status(), 404);
}
