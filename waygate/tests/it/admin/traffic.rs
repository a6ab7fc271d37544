//! The traffic of routes over REST.

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};

use super::support::{Server, at};

async fn request(server: &Server, path: &str) -> u16 {
    let request = Request::get(path).body(Body::empty()).unwrap();
    server.call(request).await.status.as_u16()
}

#[tokio::test]
async fn routes_are_listed_by_their_requests() {
    let server = Server::start().await;
    for path in ["/orders", "/orders", "/nothing"] {
        request(&server, path).await;
    }
    let all = server.get("/api/traffic").await.expect(200);
    let all = all.as_array().unwrap();
    let shown: Vec<Value> = all
        .iter()
        .take(2)
        .map(|route| json!([route["path"], route["method"], route["traffic"]["requests"]]))
        .collect();
    assert_eq!(
        json!(shown),
        json!([["/orders", "GET", 2], [null, "ALL", 1]])
    );
    assert!(
        all.iter()
            .skip(2)
            .all(|route| route["traffic"]["requests"] == 0)
    );
    assert_eq!(all[0]["minutes"], 60);

    let second = server
        .get("/api/traffic?limit=1&offset=1&minutes=5")
        .await
        .expect(200);
    let wanted = json!([[null, 5]]);
    let found: Vec<Value> = second
        .as_array()
        .unwrap()
        .iter()
        .map(|route| json!([route["path"], route["minutes"]]))
        .collect();
    assert_eq!(json!(found), wanted);
    for query in ["?minutes=x", "?limit=-1", "?offset=1000001", "?hours=1"] {
        server
            .get(&format!("/api/traffic{query}"))
            .await
            .expect(400);
    }
    server
        .get("/api/traffic?minutes=0&limit=99999999")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_route_shows_its_minutes() {
    let server = Server::start().await;
    assert_eq!(request(&server, "/orders").await, 200);
    let body = json!({ "reason": "a test" });
    server
        .post(&at("GET:/orders", "/disable"), body)
        .await
        .expect(200);
    assert_eq!(request(&server, "/orders").await, 503);
    let shown = server.get(&at("GET:/orders", "/traffic")).await.expect(200);
    assert_eq!(shown["total"]["requests"], 2);
    assert_eq!(shown["total"]["blocked"], json!({ "disabled": 1 }));
    let minutes = shown["minutes"].as_array().unwrap();
    assert_eq!(minutes.len(), 1);
    assert_eq!(minutes[0]["traffic"], shown["total"]);
    server.get(&at("GET:/ghost", "/traffic")).await.expect(404);
}
