use http::Method;
use serde_json::json;
use waygate::ofrep::{Audience, Ofrep};

use super::support::{CLIENT, Server, boolean, with_tokens};

const BULK: &str = "/ofrep/v1/evaluate/flags";
const SHOP: &str = "https://shop.example";

async fn preflight(server: &Server, origin: &str) -> super::support::Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type,if-none-match",
        ),
    ];
    server.send(Method::OPTIONS, BULK, &headers, "").await
}

#[tokio::test]
async fn pages_of_allowed_origins_may_call() {
    let server = Server::with(with_tokens().allow_origin(SHOP).unwrap()).await;
    server
        .set(boolean("a", json!({"client_visible": true})))
        .await;
    let allowed = preflight(&server, SHOP).await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), SHOP);
    assert_eq!(allowed.header("vary"), "origin");
    assert!(
        allowed
            .header("access-control-allow-methods")
            .contains("POST")
    );
    for name in [
        "content-type",
        "authorization",
        "x-api-key",
        "if-none-match",
    ] {
        let names = allowed.header("access-control-allow-headers");
        assert!(names.split(", ").any(|known| known == name), "{name}");
    }
    let body = json!({});
    for (token, status) in [(CLIENT, 200), ("web_wrong_wrong_wrong", 401)] {
        let answer = server.post(BULK, token, &[("origin", SHOP)], &body).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), SHOP);
        assert_eq!(
            answer.header("access-control-expose-headers"),
            "ETag, Retry-After"
        );
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    let stream = server.stream(CLIENT, &[("origin", SHOP)]).await;
    assert_eq!(stream.headers["access-control-allow-origin"], SHOP);
    for other in [
        "https://evil.example",
        "https://shop.example.evil.example",
        "http://shop.example",
        "null",
    ] {
        let refused = preflight(&server, other).await;
        assert_eq!(
            (
                refused.status.as_u16(),
                refused.header("access-control-allow-origin")
            ),
            (405, "")
        );
        assert_eq!(refused.header("vary"), "origin");
        let answer = server.post(BULK, CLIENT, &[("origin", other)], &body).await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn any_origin_is_allowed_on_request_only() {
    let server = Server::with(with_tokens().allow_any_origin()).await;
    let allowed = preflight(&server, "https://any.example").await;
    assert_eq!(
        (
            allowed.status.as_u16(),
            allowed.header("access-control-allow-origin")
        ),
        (204, "*")
    );
    let closed = Server::start().await;
    let refused = preflight(&closed, SHOP).await;
    assert_eq!(
        (
            refused.status.as_u16(),
            refused.header("access-control-allow-origin")
        ),
        (405, "")
    );
}

#[test]
fn an_origin_is_a_scheme_and_a_host() {
    for wrong in [
        "shop.example",
        "https://shop.example/",
        "https://shop.example/a",
        "*",
        "",
        "https://a\n",
    ] {
        let error = Ofrep::open(Audience::Client)
            .allow_origin(wrong)
            .unwrap_err();
        assert!(
            error.to_string().contains("https://shop.example"),
            "{error}"
        );
    }
    assert!(Ofrep::new().allow_origin("http://localhost:5173").is_ok());
}
