//! Whole numbers in bodies keep their value, or are refused.

use serde_json::{Value, json};

use super::{super::support::Server, definition, mistakes, send};

/// A flag with this JSON as the value of its first variation.
fn flag(id: &str) -> String {
    let mut flag = definition("numbers");
    flag["type"] = json!("json");
    flag["variations"] = json!([
        { "name": "on", "value": { "a/b": [0, "\u{1}"] } }, { "name": "off", "value": {} },
    ]);
    flag.to_string().replace("\"\\u0001\"", id)
}

#[tokio::test]
async fn whole_numbers_in_definitions_are_exact_or_refused() {
    let server = Server::start().await;
    let path = "/api/flags/numbers";
    for id in [
        "18446744073709551615",
        "-9223372036854775808",
        "0.1",
        "-1.5e-7",
        "1e300",
    ] {
        let stored = send(&server, "PUT", path, &[], &flag(id)).await.expect(200);
        let number: Value = serde_json::from_str(id).unwrap();
        assert_eq!(stored["variations"][0]["value"]["a/b"][1], number, "{id}");
    }
    let before = server.state().await;
    let huge = "9".repeat(300);
    for id in [
        "18446744073709551616",
        "18446744073709551617",
        "-9223372036854775809",
        &huge,
    ] {
        for (method, path) in [
            ("PUT", path),
            ("POST", "/api/flags"),
            ("PATCH", path),
            ("PUT", "/api/flags/numbers/draft"),
        ] {
            let refused = send(&server, method, path, &[], &flag(id)).await;
            let pointer = "/variations/0/value/a~1b/1";
            assert_eq!(mistakes(&refused), [format!("{pointer} inexact_number")]);
            let shown: String = id.chars().take(40).collect();
            let text = refused.refused(400);
            let start = format!("`{pointer}` is the whole number {shown}");
            assert!(text.starts_with(&start), "{text}");
            assert!(
                text.contains("-9223372036854775808 to 18446744073709551615"),
                "{text}"
            );
        }
    }
    for out_of_range in ["1e400", "-1e400"] {
        let refused = send(&server, "PUT", path, &[], &flag(out_of_range)).await;
        let detail = refused.json()["detail"].to_string();
        assert!(detail.contains("number out of range"), "{detail}");
        refused.refused(400);
    }
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn whole_numbers_in_contexts_are_exact_or_refused() {
    let server = Server::start().await;
    let flag = definition("search");
    server.post("/api/flags", flag).await.expect(201);
    let body = r#"{"context": {"key": "u", "attributes": {"id": 18446744073709551616}}}"#;
    let refused = server.post_raw("/api/flags/search/evaluate", body).await;
    let pointer = "/context/attributes/id";
    assert_eq!(mistakes(&refused), [format!("{pointer} inexact_number")]);
    refused.refused(400);
    let body =
        r#"{"patch": {}, "contexts": [{"key": "u"}, {"key": "v", "id": -9223372036854775809}]}"#;
    let refused = server.post_raw("/api/flags/search/preview", body).await;
    assert_eq!(mistakes(&refused), ["/contexts/1/id inexact_number"]);
    refused.refused(400);
}
