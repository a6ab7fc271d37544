//! Limits for one method of an all-methods route, and limits without a method.

use serde_json::{Value, json};
use waygate::model::RouteState;

use super::support::{Server, limit_at};

/// A server with an all-methods route, a single-method route, and two routes of one path.
async fn start() -> Server {
    let server = Server::start().await;
    for key in ["/things", "POST:/single", "PUT:/double", "DELETE:/double"] {
        let key = key.parse().unwrap();
        server
            .waygate
            .register(key, RouteState::default())
            .await
            .unwrap();
    }
    server
}

const KINDS: [&str; 2] = ["/api/rate-limits", "/api/concurrency-limits"];

fn limit(kind: &str, path: &str, method: Option<&str>) -> Value {
    let limit = if kind == KINDS[0] {
        json!("5/minute")
    } else {
        json!(5)
    };
    json!({ "path": path, "method": method, "limit": limit })
}

#[tokio::test]
async fn limits_are_stored_for_the_method_of_the_request() {
    let server = start().await;
    for kind in KINDS {
        for (path, method, key, shown) in [
            ("/things", Some("GET"), "GET:/things", "GET"),
            ("/things", Some("delete"), "DELETE:/things", "DELETE"),
            ("/things", Some("all"), "/things", "ALL"),
            ("/things", None, "/things", "ALL"),
            ("/single", None, "POST:/single", "POST"),
            ("/single", Some("POST"), "POST:/single", "POST"),
            ("/orders", Some("get"), "GET:/orders", "GET"),
        ] {
            let made = server
                .post(kind, limit(kind, path, method))
                .await
                .expect(201);
            assert_eq!(
                made["key"],
                format!("{key}#default"),
                "{kind} {path} {method:?}"
            );
            assert_eq!(
                (&made["path"], &made["method"]),
                (&json!(path), &json!(shown))
            );
            let at = limit_at(key, "").replace(KINDS[0], kind);
            let found = server.get(&at).await.expect(200);
            assert_eq!(found.as_array().unwrap().len(), 1, "{kind} {key}");
            let all = server.get(kind).await.expect(200);
            let keys: Vec<_> = all
                .as_array()
                .unwrap()
                .iter()
                .map(|one| &one["key"])
                .collect();
            assert!(keys.contains(&&made["key"]), "{keys:?}");
            let deleted = server.delete(&at).await.expect(200);
            assert_eq!(
                deleted,
                json!({ "ok": true, "path": path, "method": shown, "name": "default" })
            );
            assert_eq!(server.get(&at).await.expect(200), json!([]), "{kind} {key}");
        }
    }
}

#[tokio::test]
async fn ambiguous_methods_are_refused_with_the_candidates() {
    let server = start().await;
    for kind in KINDS {
        for (path, meant) in [
            ("/double", ["\"DELETE:/double\"", "\"PUT:/double\""]),
            // Also if `GET` is one of them.
            ("/orders", ["\"GET:/orders\"", "\"POST:/orders\""]),
        ] {
            let at = limit_at(path, "").replace(KINDS[0], kind);
            let answers = [
                server.post(kind, limit(kind, path, None)).await,
                server.get(&at).await,
                server.delete(&at).await,
            ];
            for answer in answers {
                let matches = &answer.json()["ambiguous_matches"];
                let mut matches: Vec<_> = matches
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(Value::to_string)
                    .collect();
                matches.sort();
                assert_eq!(matches, meant);
                answer.refused(409);
            }
        }
        for (path, method) in [("/single", "GET"), ("/double", "POST"), ("/nothing", "GET")] {
            server
                .post(kind, limit(kind, path, Some(method)))
                .await
                .refused(404);
        }
    }
}

#[tokio::test]
async fn a_bare_path_names_its_only_method() {
    let server = start().await;
    for kind in KINDS {
        server
            .post(kind, limit(kind, "/single", None))
            .await
            .expect(201);
        let at = limit_at("/single", "").replace(KINDS[0], kind);
        let found = server.get(&at).await.expect(200);
        assert_eq!(found[0]["key"], "POST:/single#default");
        let deleted = server.delete(&at).await.expect(200);
        let expected =
            json!({ "ok": true, "path": "/single", "method": "POST", "name": "default" });
        assert_eq!(deleted, expected);
        assert_eq!(server.get(&at).await.expect(200), json!([]));
    }
}

#[tokio::test]
async fn every_operation_finds_a_method_limit() {
    let server = start().await;
    let fields = json!({ "path": "/things", "method": "GET", "limit": "1/minute", "key_strategy": "global" });
    server.post("/api/rate-limits", fields).await.expect(201);
    let at = |rest: &str| limit_at("GET:/things", rest);
    for (control, field, value) in [
        ("/pause", "enabled", false),
        ("/resume", "enabled", true),
        ("/shadow", "shadow", true),
        ("/promote", "shadow", false),
    ] {
        let made = server.post(&at(control), json!({})).await.expect(200);
        assert_eq!(
            (&made[field], &made["method"]),
            (&json!(value), &json!("GET")),
            "{control}"
        );
    }
    assert_eq!(server.get(&at("/top")).await.expect(200), json!([]));
    server
        .post(&at("/reset"), json!({ "key": [] }))
        .await
        .expect(200);
    server.delete(&at("/reset")).await.expect(200);
    // The spelling of the Python CLI.
    let by_path = limit_at("/things", "/reset");
    server.delete(&by_path).await.expect(200);
    server
        .delete(&format!("{by_path}?method=GET"))
        .await
        .expect(200);
    assert_eq!(
        server
            .get("/api/rate-limits")
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        1
    );
    server.delete(&at("")).await.expect(200);
    assert_eq!(server.get("/api/rate-limits").await.expect(200), json!([]));
}
