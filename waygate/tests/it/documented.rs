//! Compares refusals with the live document.

use std::pin::pin;

use axum::{Router, body::Body, extract::Request, routing::get};
use futures_util::FutureExt;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;
use waygate::{
    Timestamp, Waygate,
    limits::{ConcurrencyPolicy, RateLimitFunctions, RateLimitHeaders, RateLimitPolicy},
    model::{Access, Interval, Registration, RouteState},
    response::RequestParts,
    testing::TestApp,
};

use crate::{
    openapi::Caller,
    support::{builder, clock},
};

const PATHS: [&str; 9] = [
    "/rate", "/quota", "/costly", "/held", "/both", "/tenant", "/user", "/office", "/closed",
];

async fn serve(waygate: &Waygate) -> TestApp {
    let mut document =
        json!({"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": {}});
    let mut router = Router::new();
    for path in PATHS {
        document["paths"][path]["get"] = json!({"responses": {"200": {"description": "fine"}}});
        // Holds its permit forever if the request says so.
        let handler = async |request: Request| {
            if request.uri().query().is_some() {
                std::future::pending::<()>().await;
            }
        };
        router = router.route(path, get(handler));
    }
    let document: OpenApi = serde_json::from_value(document).unwrap();
    let guarded = waygate.guard((router, document)).await.unwrap();
    TestApp::new(guarded.openapi("/openapi.json").into_router())
}

fn eleven(_: &RequestParts) -> u32 {
    11
}

async fn restrict(waygate: &Waygate) {
    let of = |path: &str| Registration::new(format!("GET:{path}").parse().unwrap());
    let rate = |fields: Value| serde_json::from_value::<RateLimitPolicy>(fields).unwrap();
    let one = || serde_json::from_value::<ConcurrencyPolicy>(json!({"limit": 1})).unwrap();
    let access: Access =
        serde_json::from_value(json!({"ips": ["10.0.0.0/8"], "roles": ["ops"]})).unwrap();
    let all = [
        of("/rate").rate_limit(rate(json!({"limit": "1/minute", "key_strategy": "global"}))),
        of("/quota").rate_limit(rate(json!({"limit": "1/calendar day", "key_strategy": "global"}))),
        of("/costly").rate_limit_with(
            rate(json!({"limit": "10/minute", "key_strategy": "global"})),
            RateLimitFunctions::new().cost(eleven),
        ),
        of("/held").concurrency_limit(one()),
        of("/both")
            .rate_limit(rate(json!({"limit": "9/minute", "key_strategy": "global"})))
            .concurrency_limit(one()),
        of("/tenant").rate_limit(rate(
            json!({"limit": "1/minute", "key_strategy": "header:x-tenant", "on_missing_key": "block"}),
        )),
        of("/user").rate_limit(rate(
            json!({"limit": "1/minute", "key_strategy": "user", "on_missing_key": "block"}),
        )),
        of("/office").state(RouteState::default().access(access)),
    ];
    waygate.register_all(all).await.unwrap();
    let window = Interval::parse("2029-12-31T23:00:00Z", "2030-01-01T04:00:00Z").unwrap();
    let operator = waygate.system();
    operator
        .schedule("GET:/closed", window, "upgrade")
        .await
        .unwrap();
}

#[tokio::test]
async fn refusals_match_the_document() {
    for headers in [
        RateLimitHeaders::Both,
        RateLimitHeaders::Legacy,
        RateLimitHeaders::Standard,
        RateLimitHeaders::Off,
    ] {
        let engine = builder().clock(clock()).principal::<Caller>();
        let engine = engine.rate_limit_headers(headers);
        let waygate = engine.build().await.unwrap();
        let app = serve(&waygate).await;
        restrict(&waygate).await;
        let document: Value = app.get("/openapi.json").await.json();
        let (mut held, mut both) = (pin!(app.get("/held?")), pin!(app.get("/both?")));
        let entered = [held.as_mut().now_or_never(), both.as_mut().now_or_never()];
        assert!(entered.iter().all(Option::is_none));
        for path in ["/rate", "/quota"] {
            assert_eq!(app.get(path).await.status(), 200);
        }
        let statuses = [429, 429, 429, 429, 429, 400, 401, 403, 503];
        for (path, status) in PATHS.into_iter().zip(statuses) {
            for accept in ["application/json", "application/problem+json"] {
                let case = format!("{path} {accept} {headers:?}");
                let request = Request::get(path).header("accept", accept);
                let sent = app.send(request.body(Body::empty()).unwrap()).await;
                assert_eq!(sent.status(), status, "{case}");
                let documented = &document["paths"][path]["get"]["responses"][status.to_string()];
                let schema = &documented["content"][sent.content_type().unwrap()]["schema"];
                assert!(schema.is_object(), "{case}");
                validate(&document, schema, &sent.json(), &case);
                compare_headers(&sent, &documented["headers"], path, &case);
            }
        }
    }
}

/// Whether clients act on this header.
fn matters(name: &str) -> bool {
    ["retry-after", "www-authenticate"].contains(&name) || name.contains("ratelimit")
}

/// Every header sent is documented with its type. Every documented header was sent, unless the path has several
/// limits.
fn compare_headers(
    sent: &waygate::testing::TestResponse,
    documented: &Value,
    path: &str,
    case: &str,
) {
    let documented: Vec<(String, &Value)> = documented
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, header)| (name.to_ascii_lowercase(), header))
        .collect();
    for name in sent
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| matters(name))
    {
        let found = documented.iter().find(|(known, _)| known == name);
        let (_, header) = found.unwrap_or_else(|| panic!("{case}: {name} is not documented"));
        if header["schema"]["type"] == "integer" {
            let value = sent.header(name).unwrap();
            assert!(value.parse::<u64>().is_ok(), "{case}: {name}: {value}");
        }
    }
    for (name, _) in documented {
        let may_lack = path == "/both" || (path == "/costly" && name == "retry-after");
        assert!(
            may_lack || sent.header(&name).is_some(),
            "{case}: {name} is not sent"
        );
    }
}

/// Validates the parts of JSON Schema that the document uses. Members that the schema does not name are errors.
fn validate(document: &Value, schema: &Value, value: &Value, case: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return validate(document, target, value, case);
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(
        types.contains(&json!(is)),
        "{case}: {value} is {is}, not {types:?}"
    );
    if let Some(known) = schema["enum"].as_array() {
        assert!(
            known.contains(value),
            "{case}: {value} is none of {known:?}"
        );
    }
    if let (Some("date-time"), Some(text)) = (schema["format"].as_str(), value.as_str()) {
        assert!(text.parse::<Timestamp>().is_ok(), "{case}: {text}");
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            value.get(name.as_str().unwrap()).is_some(),
            "{case}: {name} is missing in {value}"
        );
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let of = &schema["properties"][name];
        assert!(of.is_object(), "{case}: {name} is not in the schema");
        validate(document, of, member, &format!("{case}: {name}"));
    }
    for item in value.as_array().into_iter().flatten() {
        validate(document, &schema["items"], item, case);
    }
}
