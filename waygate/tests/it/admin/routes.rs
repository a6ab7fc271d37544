//! Extensions of the wire contract, and differences from the recorded exchanges.

use std::time::Duration;

use axum::extract::Request;
use serde_json::{Value, json};
use waygate::{Waygate, admin::Credentials, audit::AuditQuery, testing::TestApp};
use waygate_backends::MemoryBackend;

use super::support::{Server, at};

const ORDERS: &str = "GET:/orders";

/// The status of the application for this path.
async fn served(server: &Server, path: &str) -> u16 {
    let request = Request::builder().uri(path).body(axum::body::Body::empty());
    server.call(request.unwrap()).await.status.as_u16()
}

#[tokio::test]
async fn a_future_window_closes_when_it_begins_and_opens_when_it_ends() {
    for endpoint in ["/schedule", "/maintenance"] {
        let server = Server::start().await;
        let window = json!({
            "start": "2026-11-22T23:00:00",
            "end": "2026-11-23T01:00:00+01:00",
            "reason": "upgrade",
        });
        let route = server.post(&at(ORDERS, endpoint), window).await.expect(200);
        assert_eq!(
            (&route["status"], &route["reason"]),
            (&json!("active"), &json!(""))
        );
        assert_eq!(
            route["windows"][0]["id"],
            "2026-11-22T23:00:00Z/2026-11-23T00:00:00Z"
        );
        assert_eq!(served(&server, "/orders").await, 200);
        server.clock.advance(Duration::from_secs(45 * 60));
        let route = server.get(&at(ORDERS, "")).await.expect(200);
        assert_eq!(
            (&route["status"], &route["reason"], &route["until"]),
            (
                &json!("maintenance"),
                &json!("upgrade"),
                &json!("2026-11-23T00:00:00Z")
            )
        );
        assert_eq!(served(&server, "/orders").await, 503);
        server.clock.advance(Duration::from_secs(3600));
        let route = server.get(&at(ORDERS, "")).await.expect(200);
        assert_eq!(
            (&route["status"], &route["window"]),
            (&json!("active"), &Value::Null)
        );
        assert_eq!(served(&server, "/orders").await, 200);
    }
}

#[tokio::test]
async fn a_window_that_covers_now_closes_immediately() {
    let server = Server::start().await;
    let window = json!({ "start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z" });
    let route = server
        .post(&at(ORDERS, "/maintenance"), window)
        .await
        .expect(200);
    assert_eq!(route["status"], "maintenance");
    assert_eq!(route["until"], "2026-11-23T00:00:00Z");
}

#[tokio::test]
async fn one_window_or_all_windows_can_be_cancelled() {
    let server = Server::start().await;
    for day in [1, 2, 3] {
        let window = json!({
            "start": format!("2030-01-0{day}T00:00:00Z"),
            "end": format!("2030-01-0{day}T01:00:00Z"),
        });
        server
            .post(&at(ORDERS, "/schedule"), window)
            .await
            .expect(200);
    }
    let one = "/schedule?window=2030-01-02T00:00:00Z%2F2030-01-02T01:00:00Z";
    let route = server.delete(&at(ORDERS, one)).await.expect(200);
    let windows = |route: &Value| route["windows"].as_array().unwrap().len();
    assert_eq!(windows(&route), 2);
    let text = server.delete(&at(ORDERS, one)).await.refused(404);
    assert!(
        text.contains("no such window: `2030-01-02T00:00:00Z/2030-01-02T01:00:00Z`"),
        "{text}"
    );
    let text = server
        .delete(&at(ORDERS, "/schedule?window=x"))
        .await
        .refused(400);
    assert!(text.contains("expected `<start>/<end>`"), "{text}");
    let route = server.delete(&at(ORDERS, "/schedule")).await.expect(200);
    assert_eq!(windows(&route), 0);
    // Cancelling again is no error.
    server.delete(&at(ORDERS, "/schedule")).await.expect(200);
}

#[tokio::test]
async fn windows_in_the_past_are_refused() {
    let server = Server::start().await;
    let past = json!({ "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z" });
    let text = server
        .post(&at(ORDERS, "/schedule"), past)
        .await
        .refused(400);
    assert!(text.contains("the time span has already ended"), "{text}");
    let past = json!({ "until": "2020-01-01T00:00:00Z" });
    server
        .post(&at(ORDERS, "/disable"), past)
        .await
        .refused(400);
    let no_date = json!({ "until": "tomorrow" });
    let text = server
        .post(&at(ORDERS, "/disable"), no_date)
        .await
        .refused(400);
    assert!(text.contains("expected RFC 3339"), "{text}");
}

#[tokio::test]
async fn disabling_can_have_an_end() {
    let server = Server::start().await;
    let until = json!({ "reason": "cool down", "until": "2026-11-22T23:00:00Z" });
    let route = server
        .post(&at(ORDERS, "/disable"), until)
        .await
        .expect(200);
    assert_eq!(
        (&route["status"], &route["until"]),
        (&json!("disabled"), &json!("2026-11-22T23:00:00Z"))
    );
    server.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        server.get(&at(ORDERS, "")).await.expect(200)["status"],
        "active"
    );
}

#[tokio::test]
async fn instants_are_truncated_to_microseconds() {
    let server = Server::start().await;
    // Times less than a microsecond apart are stored as the same instant.
    let empty =
        json!({ "start": "2030-01-01T00:00:00.0000001Z", "end": "2030-01-01T00:00:00.0000002Z" });
    let text = server
        .post(&at(ORDERS, "/schedule"), empty)
        .await
        .refused(400);
    assert!(text.contains("must end after it starts"), "{text}");
    let fine = json!({ "start": "2030-01-01T00:00:00.1234567Z", "end": "2030-01-02T00:00:00Z" });
    let route = server
        .post(&at(ORDERS, "/schedule"), fine)
        .await
        .expect(200);
    assert_eq!(route["window"]["start"], "2030-01-01T00:00:00.123456Z");
    let again = server.get(&at(ORDERS, "")).await.expect(200);
    assert_eq!(route, again);
}

#[tokio::test]
async fn deprecations_are_announced_and_withdrawn() {
    let server = Server::start().await;
    let ask = json!({
        "since": "2026-01-01T00:00:00Z",
        "sunset": "Sat, 01 Jan 2028 00:00:00 GMT",
        "use_instead": "/v2/orders",
    });
    let route = server
        .post(&at(ORDERS, "/deprecate"), ask)
        .await
        .expect(200);
    assert_eq!(route["status"], "deprecated");
    assert_eq!(route["sunset_date"], "Sat, 01 Jan 2028 00:00:00 GMT");
    assert_eq!(route["successor_path"], "/v2/orders");
    let wrong = json!({ "since": "2029-01-01T00:00:00Z", "sunset": "2028-01-01T00:00:00Z" });
    let text = server
        .post(&at(ORDERS, "/deprecate"), wrong)
        .await
        .refused(400);
    assert!(
        text.contains("the sunset comes before the deprecation"),
        "{text}"
    );
    let wrong = json!({ "use_instead": "/v2 orders" });
    let text = server
        .post(&at(ORDERS, "/deprecate"), wrong)
        .await
        .refused(400);
    assert!(
        text.starts_with("use_instead: invalid link target"),
        "{text}"
    );
    let route = server.delete(&at(ORDERS, "/deprecate")).await.expect(200);
    assert_eq!(
        (&route["status"], &route["deprecation"]),
        (&json!("active"), &Value::Null)
    );
    // Every detail may be unknown.
    let route = server
        .post_raw(&at(ORDERS, "/deprecate"), "")
        .await
        .expect(200);
    assert_eq!(route["status"], "deprecated");
}

#[tokio::test]
async fn access_is_replaced_as_a_whole() {
    let server = Server::start().await;
    let ask = json!({ "allowed_ips": ["10.1.2.3/8", "::1"], "allowed_roles": ["billing:admin"] });
    let mut route = server.post(&at(ORDERS, "/access"), ask).await.expect(200);
    let warning = route.as_object_mut().unwrap().remove("warning");
    let masked = "allowed_ips[0]: `10.1.2.3/8` has bits beyond its prefix, and means `10.0.0.0/8`";
    assert_eq!(warning, Some(json!(masked)));
    assert_eq!(route["allowed_ips"], json!(["10.0.0.0/8", "::1/128"]));
    assert_eq!(route["allowed_roles"], json!(["billing:admin"]));
    for (body, problem) in [
        (
            json!({ "allowed_ips": [] }),
            "missing field `allowed_roles`: both lists are required, since a forgotten one would admit all callers; \
             `[]` is no restriction",
        ),
        (
            json!({ "allowed_roles": ["a"] }),
            "missing field `allowed_ips`: both lists are required",
        ),
        (
            json!({ "allowed_ips": ["x"], "allowed_roles": [] }),
            "`x` is not an IP address",
        ),
        (
            json!({ "allowed_ips": [], "allowed_roles": [" "] }),
            "allowed_roles[0]: invalid role name",
        ),
    ] {
        let text = server.post(&at(ORDERS, "/access"), body).await.refused(400);
        assert!(text.contains(problem), "{text}");
    }
    let after = server.get(&at(ORDERS, "")).await.expect(200);
    assert_eq!(after, route);
}

#[tokio::test]
async fn reset_restores_the_declaration() {
    let server = Server::start().await;
    let declared = server.get(&at("GET:/payments", "")).await.expect(200);
    let changed = server
        .post(&at("GET:/payments", "/enable"), json!({}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["status"], &changed["overridden"]),
        (&json!("active"), &json!(true))
    );
    let route = server
        .post_raw(&at("GET:/payments", "/reset"), "")
        .await
        .expect(200);
    assert_eq!(route, declared);
}

#[tokio::test]
async fn orphans_are_listed_shown_and_purged() {
    let backend = MemoryBackend::new();
    let old = Waygate::builder()
        .backend(backend.clone())
        .build()
        .await
        .unwrap();
    old.register(
        "GET:/gone".parse().unwrap(),
        waygate::model::RouteState::default(),
    )
    .await
    .unwrap();
    old.system().disable("GET:/gone", "old").await.unwrap();
    let server = Server::on(backend, Credentials::new("admin", "secret")).await;
    let all = server.get("/api/routes").await.expect(200);
    assert_eq!(
        server.get("/api/routes?orphaned=false").await.expect(200),
        all
    );
    assert!(!all.to_string().contains("/gone"));
    let orphans = server.get("/api/routes?orphaned=true").await.expect(200);
    assert_eq!(orphans.as_array().unwrap().len(), 1);
    let orphan = server.get(&at("GET:/gone", "")).await;
    assert_eq!(
        orphan.header("etag"),
        orphan.json()["etag"].as_str().unwrap()
    );
    let orphan = orphan.expect(200);
    assert_eq!(orphan, orphans[0]);
    assert_eq!(
        (&orphan["path"], &orphan["status"], &orphan["orphaned"]),
        (&json!("GET:/gone"), &json!("disabled"), &json!(true))
    );
    let text = server.get("/api/routes?orphaned=yes").await.refused(400);
    assert_eq!(text, "orphaned: expected `true` or `false`");
    let text = server.delete(&at(ORDERS, "")).await.refused(409);
    assert!(
        text.contains("only stored routes that the code no longer has"),
        "{text}"
    );
    let text = server.delete(&at("GET:/ghost", "")).await.refused(404);
    assert!(text.contains("is not registered"), "{text}");
    let done = server.delete(&at("GET:/gone", "")).await.expect(200);
    assert_eq!(done, json!({ "ok": true }));
    server.get(&at("GET:/gone", "")).await.refused(404);
    let lines = server.waygate.audit(AuditQuery::newest(1)).await.unwrap();
    assert_eq!(
        (lines[0].action.to_string().as_str(), lines[0].path.as_str()),
        ("purge", "GET:/gone")
    );
}

#[tokio::test]
async fn reasons_are_a_single_line_of_plain_text() {
    let server = Server::start().await;
    let before = server.state().await;
    for reason in ["a\nb", "a\u{0}", "\u{202e}evil", &"x".repeat(513)] {
        let body = json!({ "reason": reason });
        for endpoint in ["/enable", "/disable", "/maintenance"] {
            let text = server
                .post(&at(ORDERS, endpoint), body.clone())
                .await
                .refused(400);
            assert!(text.starts_with("reason: invalid reason"), "{text}");
        }
        server.post("/api/global/enable", body).await.refused(400);
    }
    assert_eq!(server.state().await, before);
    let reason = "<b>\u{1f527} ü & \"quoted\"</b>";
    let body = json!({ "reason": reason });
    let route = server.post(&at(ORDERS, "/disable"), body).await.expect(200);
    assert_eq!(route["reason"], reason);
}

#[tokio::test]
async fn getting_an_ambiguous_path_lists_the_candidates() {
    let server = Server::start().await;
    let answer = server.get(&at("/orders", "")).await;
    assert_eq!(
        answer.json()["ambiguous_matches"],
        json!(["GET:/orders", "POST:/orders"])
    );
    answer.refused(409);
}

#[tokio::test]
async fn malformed_keys_are_refused() {
    let server = Server::start().await;
    for (key, problem) in [
        ("payments", "expected `METHOD:/path`"),
        ("__waygate:global__", "expected `METHOD:/path`"),
        ("GET:/a b", "percent-encode it"),
        ("GET:/:id", "path parameters are written `{id}`"),
    ] {
        for rest in ["", "/enable"] {
            let answer = match rest {
                "" => server.get(&at(key, rest)).await,
                rest => server.post(&at(key, rest), json!({})).await,
            };
            let text = answer.refused(400);
            assert!(text.contains(problem), "{text}");
        }
    }
    let huge = format!("GET:/{}", "x".repeat(3_000));
    server.get(&at(&huge, "")).await.refused(400);
    let huge = "A".repeat(60_000);
    let text = server
        .get(&format!("/api/routes/{huge}"))
        .await
        .refused(400);
    assert_eq!(text, "Invalid path key: it is longer than 4096 characters.");
    for segment in ["%FF%FE", "%00", "R0VU%2FL2E", "A", "=", "%E2%82%AC"] {
        let answer = server.get(&format!("/api/routes/{segment}")).await;
        assert_eq!(answer.status, 400, "{segment}");
        answer.error();
    }
    let padded = server.get("/api/routes/R0VUOi9wYXltZW50cw==").await;
    assert_eq!(padded.expect(200)["path"], "GET:/payments");
}

#[tokio::test]
async fn lists_are_filtered_and_conditional() {
    let server = Server::start().await;
    server
        .waygate
        .register(
            "billing:GET:/pay".parse().unwrap(),
            waygate::model::RouteState::default(),
        )
        .await
        .unwrap();
    let of_billing = server.get("/api/routes?service=billing").await.expect(200);
    let text = server.get("/api/routes?servce=x").await.refused(400);
    assert_eq!(
        text,
        "unknown parameter `servce`: did you mean `service`? Known are `limit`, `offset`, `service`, `orphaned`, `status`, `method`, `search`"
    );
    let text = server
        .get("/api/routes?service=a&service=b")
        .await
        .refused(400);
    assert_eq!(text, "the parameter `service` is given twice");
    assert_eq!(of_billing.as_array().unwrap().len(), 1);
    let list = server.get("/api/routes").await;
    let tag = list.header("etag").to_owned();
    let known = async |tag: &str| {
        let request = server
            .request("GET", "/api/routes")
            .header("if-none-match", tag);
        let answer = server
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await;
        assert_eq!(answer.header("cache-control"), "no-store");
        (answer.status.as_u16(), answer.body.len())
    };
    assert_eq!(known(&tag).await, (304, 0));
    assert_eq!(known(&format!("W/{tag}, \"x\"")).await, (304, 0));
    assert_eq!(known("*").await, (304, 0));
    assert_eq!(known("nonsense").await.0, 200);
    server
        .post(&at(ORDERS, "/disable"), json!({}))
        .await
        .expect(200);
    assert_eq!(known(&tag).await.0, 200);
}

#[tokio::test]
async fn the_etag_of_a_list_changes_with_time() {
    let server = Server::start().await;
    let window = json!({ "start": "2026-11-22T23:00:00Z", "end": "2026-11-23T00:00:00Z" });
    server
        .post(&at(ORDERS, "/schedule"), window)
        .await
        .expect(200);
    let before = server.get("/api/routes").await;
    server.clock.advance(Duration::from_secs(3600));
    let after = server.get("/api/routes").await;
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn the_audit_log_is_filtered_before_it_is_paged() {
    let server = Server::start().await;
    for _ in 0..3 {
        server
            .post(&at(ORDERS, "/disable"), json!({}))
            .await
            .expect(200);
        server
            .post("/api/global/enable", json!({}))
            .await
            .expect(200);
    }
    let count = async |query: &str| {
        let lines = server.get(&format!("/api/audit{query}")).await.expect(200);
        lines.as_array().unwrap().len()
    };
    assert_eq!(count("?route=GET:/orders&limit=3").await, 3);
    assert_eq!(count("?route=GET%3A%2Forders&limit=2&offset=2").await, 1);
    assert_eq!(count("?service=nope").await, 0);
    assert_eq!(count("?limit=0").await, 0);
    assert_eq!(count("?limit=99999999999999999999").await, 7);
    server.get("/api/audit?rout=x").await.refused(400);
}

#[tokio::test]
async fn health_reports_the_revision() {
    let server = Server::start().await;
    let health = server.get("/api/health").await.expect(200);
    assert_eq!(
        health,
        json!({
            "status": "ok", "revision": server.waygate.revision().to_string(), "components": {},
            "counting": { "authoritative": 0, "local": 0, "open": 0, "closed": 0 },
        })
    );
}

#[tokio::test]
async fn health_names_what_is_bypassed() {
    let builder = crate::support::builder();
    let builder = builder.bypass_lifecycle(true).bypass_rate_limits(true);
    let (log, guard) = crate::log::Log::of_this_thread();
    let waygate = builder.build().await.unwrap();
    drop(guard);
    let warned = |of: &str| {
        let log = log.lines();
        log.iter()
            .any(|line| line.contains(&format!("component={of}")))
    };
    let report = waygate.report().to_string();
    let guarded = waygate.guard(axum::Router::new()).await.unwrap();
    let guarded = guarded.admin("/waygate", waygate::admin::Credentials::none());
    let server = Server {
        waygate,
        clock: crate::support::clock(),
        app: TestApp::new(guarded),
        token: String::new(),
    };
    let health = server.get("/api/health").await.expect(200);
    assert_eq!(health["status"], "degraded");
    for (component, origin) in [
        ("lifecycle_bypass", ".bypass_lifecycle(true)"),
        ("rate_limit_bypass", ".bypass_rate_limits(true)"),
    ] {
        let cause = health["components"][component]["cause"].as_str().unwrap();
        assert!(cause.contains(origin), "{health}");
        assert!(report.contains(&format!("note: {cause}")), "{report}");
        assert!(warned(component), "{component}");
    }
}

#[tokio::test]
async fn not_found_errors_suggest_the_correct_spelling() {
    let server = Server::start().await;
    let answer = server.get("/api/routes/GET:/orders/enable").await;
    assert_eq!(
        answer.json()["detail"],
        "There is nothing at `/waygate/api/routes/GET:/orders/enable`. A path key is a route key, \
         percent-encoded (`GET:%2Fpayments` for `GET:/payments`) or in base64url (RFC 4648 section 5: `R0VUOi9wYXltZW50cw`)."
    );
    let detail = server.get("/api/nowhere").await.expect(404)["detail"].clone();
    assert_eq!(detail, "There is nothing at `/waygate/api/nowhere`.");

    let answer = server.get(&at("GET:/order", "")).await.expect(404);
    assert_eq!(
        (&answer["error"], &answer["detail"]),
        (
            &json!(
                "Route 'GET:/order' is not registered. Use 'waygate status' to see all registered routes."
            ),
            &json!("no route `GET:/order` is registered: did you mean `GET:/orders`?")
        )
    );
}

#[tokio::test]
async fn immediate_maintenance_can_have_an_end() {
    let server = Server::start().await;
    let path = at(ORDERS, "/maintenance");
    let asked = json!({ "reason": "orders", "end": "2026-11-23T00:00:00Z" });
    let route = server.post(&path, asked).await.expect(200);
    assert_eq!(route["status"], "maintenance");
    assert_eq!(route["reason"], "orders");
    assert_eq!(route["windows"][0]["end"], "2026-11-23T00:00:00Z");
    let lines = server.get("/api/audit").await.expect(200);
    assert_eq!(lines[0]["action"], "maintenance_on");
    server
        .clock
        .set_wall("2026-11-23T00:00:00Z".parse().unwrap());
    let route = server.get(&at(ORDERS, "")).await.expect(200);
    assert_eq!(route["status"], "active");
    for (asked, text) in [
        (
            json!({ "end": "2020-01-01T00:00:00Z" }),
            "has already ended",
        ),
        (json!({ "end": "soon" }), "Invalid datetime for start/end"),
        (
            json!({ "start": "2032-01-01T00:00:00Z" }),
            "end alone for maintenance from now",
        ),
    ] {
        let refused = server.post(&path, asked).await.refused(400);
        assert!(refused.contains(text), "{refused}");
    }
}
