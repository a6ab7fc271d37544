use http::Method;
use serde_json::Value;

use super::support::Server;

#[tokio::test]
async fn the_document_describes_the_endpoints() {
    let server = Server::start().await;
    let answer = server
        .send(Method::GET, "/ofrep/v1/openapi.json", &[], "")
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "application/json")
    );
    let document = answer.json();
    assert_eq!(document["info"]["version"], "0.3.0");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(format!("{method} {path}"));
            // Each exists, and refuses requests without a token or ticket as documented.
            let path = path.replace("{key}", "search");
            let method: Method = method.to_uppercase().parse().unwrap();
            let refused = server.send(method, &path, &[], "{}").await;
            assert_eq!(refused.status, 401, "{path}");
            assert!(operation["responses"]["401"].is_object());
        }
    }
    assert_eq!(
        operations,
        [
            "post /ofrep/v1/evaluate/flags",
            "post /ofrep/v1/evaluate/flags/{key}",
            "get /ofrep/v1/events",
        ]
    );
    check_references(&document, &document);
}

fn check_references(part: &Value, document: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            members
                .values()
                .for_each(|member| check_references(member, document));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| check_references(item, document)),
        _ => {}
    }
}
