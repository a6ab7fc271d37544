//! The OpenAPI document of the admin API, and the operations it describes.

use serde_json::{Map, Value, json};
use waygate::audit::AuditQuery;

use super::support::Server;

/// An operation of the document.
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) template: String,
    pub(super) described: Value,
    /// A body that succeeds; `null` for none.
    pub(super) body: Value,
}

impl Operation {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}

/// The document, with references to parameters, responses and headers resolved.
pub(super) async fn document(server: &Server) -> Value {
    let mut document = server.get("/api/openapi.json").await.expect(200);
    let components = document["components"].clone();
    resolve(&components, &mut document["paths"]);
    document
}

fn resolve(components: &Value, value: &mut Value) {
    let reference = value["$ref"].as_str().unwrap_or_default();
    let reference = reference.strip_prefix("#/components").unwrap_or_default();
    if !reference.is_empty() && !reference.starts_with("/schemas/") {
        *value = components.pointer(reference).unwrap().clone();
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(components, item)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| resolve(components, member)),
        _ => {}
    }
}

/// All operations. Deletions of policies come last.
pub(super) fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    let paths = document["paths"].as_object().unwrap().iter();
    // A stream has no end.
    for (template, item) in paths.filter(|(template, _)| *template != "/api/flag-evaluations") {
        for (method, described) in item.as_object().unwrap() {
            operations.push(Operation {
                method: method.to_ascii_uppercase(),
                template: template.clone(),
                described: described.clone(),
                body: match method.as_str() {
                    // The key is in the URL.
                    "put" => without(body(document, described), "key"),
                    _ => body(document, described),
                },
            });
        }
    }
    operations.sort_by_key(|operation| operation.method == "DELETE");
    operations
}

fn without(mut body: Value, name: &str) -> Value {
    if let Value::Object(members) = &mut body {
        members.remove(name);
    }
    body
}

/// The id of an entry of the history of a flag in examples.
pub(super) const ENTRY: &str = "6f2c8a3e-9e0b-4a54-8a1f-2f8f5f1f0c11";

/// Replaces [`ENTRY`] by the id of the last change of the flag `search`, of the segment `beta`, or of the route
/// `GET:/orders`.
pub(super) async fn with_entry(server: &Server, target: &str, body: &[u8]) -> (String, Vec<u8>) {
    let text = String::from_utf8_lossy(body);
    if !target.contains(ENTRY) && !text.contains(ENTRY) {
        return (target.to_owned(), body.to_vec());
    }
    let path = match target {
        target if target.contains("/segments/") => "segment:beta",
        target if target.starts_with("/api/audit/") => "GET:/orders",
        _ => "flag:search",
    };
    let query = AuditQuery::newest(10).path(path);
    let lines = server.waygate.audit(query).await.unwrap_or_default();
    let change = lines.iter().find(|line| line.new.is_some());
    let id = change.map_or(String::new(), |change| change.id.to_string());
    (
        target.replace(ENTRY, &id),
        text.replace(ENTRY, &id).into_bytes(),
    )
}

/// A body of the required fields, built from their examples.
fn body(document: &Value, operation: &Value) -> Value {
    let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else {
        return Value::Null;
    };
    let whole = &followed(document, schema)["examples"][0];
    if whole.is_object() {
        return whole.clone();
    }
    let mut body = Map::new();
    fill(document, schema, &mut body);
    for (name, value) in [
        ("username", "admin"),
        ("password", "secret"),
        ("path", "/orders"),
        ("start", "2030-01-01T00:00:00Z"),
        ("end", "2030-01-02T00:00:00Z"),
    ] {
        if body.contains_key(name) {
            body.insert(name.to_owned(), value.into());
        }
    }
    if body.contains_key("path") {
        body.insert("method".to_owned(), "GET".into());
    }
    body.into()
}

fn fill(document: &Value, schema: &Value, body: &mut Map<String, Value>) {
    let schema = followed(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fill(document, part, body);
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        let field = &schema["properties"][name];
        body.insert(name.to_owned(), example(document, field));
    }
}

fn example(document: &Value, field: &Value) -> Value {
    let schema = followed(document, field);
    let examples = [
        &field["example"],
        &schema["example"],
        &schema["examples"][0],
    ];
    let example = examples.into_iter().find(|example| !example.is_null());
    example
        .cloned()
        .unwrap_or_else(|| match schema["type"].as_str() {
            Some("array") => json!([]),
            Some("integer") => schema["minimum"].clone(),
            _ => json!(""),
        })
}

fn followed<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    }
}
