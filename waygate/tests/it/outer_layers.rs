//! Layers around the API that do not apply to documentation and administration.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn, map_response},
    response::Response,
    routing::get,
};
use waygate::{
    Waygate,
    client::Roles,
    limits::RateLimitPolicy,
    model::{GlobalMaintenance, Registration},
    testing::TestApp,
};

use crate::support::builder;

#[waygate::allowed_roles("team", route = "GET /outer/team")]
async fn team() -> &'static str {
    "team"
}

async fn authenticate(mut request: Request, next: Next) -> Result<Response, StatusCode> {
    let token = request.headers().get("authorization");
    let token = token.and_then(|token| token.to_str().ok());
    match token {
        Some("Bearer team") => {
            request.extensions_mut().insert(Roles::new(["team"]));
        }
        Some(_) => {}
        None => return Err(StatusCode::UNAUTHORIZED),
    }
    Ok(next.run(request).await)
}

async fn stamped(mut response: Response) -> Response {
    let value = "everywhere".parse().unwrap();
    response.headers_mut().append("x-outer", value);
    response
}

fn api() -> Router {
    Router::new()
        .route("/outer/team", get(team))
        .route("/outer/open", get(|| async { "open" }))
}

async fn status(app: &TestApp, path: &str) -> u16 {
    app.get(path).await.status().as_u16()
}

#[tokio::test]
async fn gates_see_what_a_layer_adds() {
    let waygate = builder().build().await.unwrap();
    let guarded = waygate.guard(api()).await.unwrap();
    let app = TestApp::new(guarded.layer(from_fn(authenticate)));
    let team = app.with_header("authorization", "Bearer team");
    let other = app.with_header("authorization", "Bearer other");
    for (app, expected) in [
        (&app, [401, 401, 401]),
        (&other, [403, 200, 404]),
        (&team, [200, 200, 404]),
    ] {
        let mut answers = Vec::new();
        for path in ["/outer/team", "/outer/open", "/outer/none"] {
            answers.push(status(app, path).await);
        }
        assert_eq!(answers, expected);
    }
}

#[tokio::test]
async fn route_layers_do_not_apply_to_other_requests() {
    let waygate = builder().build().await.unwrap();
    let guarded = waygate.guard(api()).await.unwrap();
    let app = TestApp::new(guarded.route_layer(from_fn(authenticate)));
    assert_eq!(status(&app, "/outer/open").await, 401);
    assert_eq!(status(&app, "/outer/none").await, 404);
    let maintenance = GlobalMaintenance::default();
    waygate
        .system()
        .enable_global_maintenance(maintenance)
        .await
        .unwrap();
    assert_eq!(
        status(&app, "/outer/open").await,
        401,
        "the layer is outermost"
    );
    assert_eq!(status(&app, "/outer/none").await, 503);
}

#[tokio::test]
async fn the_last_layer_is_outermost_and_sees_refusals() {
    let waygate = builder().build().await.unwrap();
    let guarded = waygate.guard(api()).await.unwrap();
    let first = |mut response: Response| async {
        response
            .headers_mut()
            .append("x-outer", "first".parse().unwrap());
        response
    };
    let app = TestApp::new(
        guarded
            .layer(map_response(first))
            .layer(map_response(stamped)),
    );
    let limit = RateLimitPolicy::new("1/hour".parse().unwrap()).unwrap();
    let limited = Registration::new("GET:/outer/open".parse().unwrap()).rate_limit(limit);
    waygate.register_all([limited]).await.unwrap();
    for expected in [200, 429] {
        let answer = app.get("/outer/open").await;
        let seen: Vec<_> = answer.headers().get_all("x-outer").iter().collect();
        assert_eq!(answer.status(), expected);
        assert_eq!(seen, ["first", "everywhere"]);
    }
    let maintenance = GlobalMaintenance::default();
    waygate
        .system()
        .enable_global_maintenance(maintenance)
        .await
        .unwrap();
    for path in ["/outer/open", "/outer/none"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers().get_all("x-outer").iter().count(), 2);
    }
}

#[tokio::test]
async fn each_endpoint_keeps_one_service_below_a_layer() {
    let waygate = Waygate::builder()
        .allow_unmounted("")
        .build()
        .await
        .unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let router = Router::new().route("/outer/any", axum::routing::any(|| async { "any" }));
    let guarded =
        waygate
            .guard(router)
            .await
            .unwrap()
            .layer(from_fn(move |request: Request, next: Next| {
                counted.fetch_add(1, Ordering::Relaxed);
                next.run(request)
            }));
    let app = TestApp::new(guarded);
    waygate.system().disable("/outer/any", "").await.unwrap();
    for method in ["GET", "POST", "FOO"] {
        let answer = app.request(method.parse().unwrap(), "/outer/any", "").await;
        assert_eq!(answer.status(), 503, "{method}");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[cfg(all(feature = "admin", feature = "swagger-ui"))]
#[tokio::test]
async fn documentation_and_administration_are_outside_the_layers() {
    use serde_json::json;
    use waygate::admin::Credentials;

    let waygate = builder().build().await.unwrap();
    let guarded = waygate.guard(api()).await.unwrap();
    // The order of the calls does not matter.
    let guarded = guarded
        .docs("/docs")
        .layer(from_fn(authenticate))
        .layer(map_response(stamped));
    let app = TestApp::new(guarded.admin("/waygate", Credentials::new("admin", "secret")));
    assert_eq!(status(&app, "/outer/open").await, 401);
    for path in ["/docs/", "/openapi.json", "/waygate/api/openapi.json"] {
        let answer = app.get(path).await;
        let expected = if path.starts_with("/waygate") {
            401
        } else {
            200
        };
        assert_eq!(answer.status(), expected, "{path}: {}", answer.text());
        assert_eq!(answer.header("x-outer"), None, "{path}");
    }
    let login = json!({ "username": "admin", "password": "secret" });
    let login = app.post("/waygate/api/auth/login", &login).await;
    assert_eq!(login.status(), 200);
    let token = login.json::<serde_json::Value>()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let health = app
        .with_header("x-waygate-token", &token)
        .get("/waygate/api/health")
        .await;
    assert_eq!(health.status(), 200);
}
