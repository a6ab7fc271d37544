//! Documents with everything that OpenAPI supports, of which utoipa writes only a part.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use waygate_core::model::RouteState;

use super::document::LiveDocument;
use crate::{Responses, Waygate};

/// Renders the document with these routes (`GET:/path`) registered, the first ones of them disabled.
async fn render(base: Value, disabled: &[&str], others: &[&str]) -> Value {
    let waygate = Waygate::builder().build().await.unwrap();
    for key in disabled.iter().chain(others) {
        let key = key.parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    for key in disabled {
        waygate.system().disable(key, "").await.unwrap();
    }
    let rendering = LiveDocument::new(waygate, base, Responses::new())
        .current()
        .await;
    serde_json::from_slice(&rendering.bytes).unwrap()
}

/// The document's members under a pointer, sorted.
fn names<'a>(document: &'a Value, pointer: &str) -> Vec<&'a str> {
    let members = document.pointer(pointer).and_then(Value::as_object);
    members
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect()
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

#[tokio::test]
async fn unused_components_of_every_kind_are_removed() {
    let used = |who: &str| {
        json!({
            "parameters": [reference("parameters", who)],
            "requestBody": reference("requestBodies", who),
            "responses": {"200": reference("responses", who)},
            "callbacks": {"done": reference("callbacks", who)},
            "security": [{who: []}],
        })
    };
    let kinds = |who: &str| {
        [
            ("parameters", json!({"schema": reference("schemas", who)})),
            (
                "requestBodies",
                json!({"examples": {"a": reference("examples", who)}}),
            ),
            (
                "responses",
                json!({"headers": {"h": reference("headers", who)}, "links": {"l": reference("links", who)}}),
            ),
            ("callbacks", json!({"{$url}": reference("pathItems", who)})),
            ("schemas", json!({"type": "object"})),
            ("examples", json!({"value": 1})),
            ("headers", json!({})),
            ("links", json!({})),
            ("pathItems", json!({"post": {"responses": {}}})),
            (
                "securitySchemes",
                json!({"type": "http", "scheme": "basic"}),
            ),
        ]
    };
    let mut components = json!({"x-ours": {"kept": true}});
    for who in ["hidden", "shown"] {
        for (kind, value) in kinds(who) {
            components[kind][who] = value;
        }
    }
    let base = json!({
        "openapi": "3.1.0",
        "info": {},
        "paths": {"/hidden": {"get": used("hidden")}, "/shown": {"get": used("shown")}},
        "components": components,
    });
    let document = render(base, &["GET:/hidden"], &["GET:/shown"]).await;
    for (kind, _) in kinds("shown") {
        assert_eq!(
            names(&document, &format!("/components/{kind}")),
            ["shown"],
            "{kind}"
        );
    }
    assert_eq!(document["components"]["x-ours"], json!({"kept": true}));
    assert!(!document.to_string().contains("hidden"));
}

#[tokio::test]
async fn discriminators_and_inner_references_keep_a_component() {
    let base = json!({
        "openapi": "3.1.0",
        "info": {},
        "security": [{"everywhere": []}],
        "webhooks": {"new": {"post": {"requestBody": reference("schemas", "Hook")}}},
        "paths": {
            "/hidden": {"get": {"x": reference("schemas", "Gone")}},
            "/shown": {
                "parameters": [reference("parameters", "OfItem")],
                "get": {"a": reference("schemas", "Pet"), "b": reference("schemas", "Deep/properties/x")},
            },
        },
        "components": {
            "schemas": {
                "Pet": {"discriminator": {"propertyName": "kind", "mapping": {
                    "dog": "#/components/schemas/Dog", "cat": "Cat", "url": "https://example.com/x"
                }}},
                "Dog": {}, "Cat": {}, "Deep": {}, "Hook": {}, "Gone": {}, "Never": {},
            },
            "parameters": {"OfItem": {}},
            "securitySchemes": {"everywhere": {}, "nowhere": {}},
        },
    });
    let document = render(base, &["GET:/hidden"], &["GET:/shown"]).await;
    assert_eq!(
        names(&document, "/components/schemas"),
        ["Cat", "Deep", "Dog", "Hook", "Pet"]
    );
    assert_eq!(names(&document, "/components/parameters"), ["OfItem"]);
    assert_eq!(
        names(&document, "/components/securitySchemes"),
        ["everywhere"]
    );
}

#[tokio::test]
async fn nothing_is_removed_while_all_operations_are_visible() {
    let base = json!({
        "openapi": "3.1.0",
        "info": {"title": "a", "version": "1"},
        "x-root": [1, {"$ref": "#/nowhere"}],
        "paths": {"/a": {"get": {}, "x-item": 1}, "/none": {}, "x-paths": {"get": 1}},
        "tags": [{"name": "unused"}, "no object"],
        "components": {"schemas": {"Unused": {}}, "responses": {}, "x-mine": 1, "odd": "text"},
    });
    let mut expected = base.clone();
    expected["info"]["x-waygate-global-maintenance"] = json!({"enabled": false});
    assert_eq!(render(base, &[], &["GET:/a"]).await, expected);
}

#[tokio::test]
async fn an_api_without_a_document_has_an_empty_one() {
    let expected = json!({
        "openapi": "3.1.0",
        "info": {"title": "", "version": "", "x-waygate-global-maintenance": {"enabled": false}},
        "paths": {},
    });
    assert_eq!(render(Value::Null, &["GET:/a"], &[]).await, expected);
}

/// Every reference of the document, bare names in mappings and security requirements included.
fn references(value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                let mut steps = target.split('/').skip(2).map(str::to_owned);
                found.insert((steps.next().unwrap(), steps.next().unwrap()));
            }
            for scheme in members
                .get("security")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let names = scheme.as_object().unwrap().keys().cloned();
                found.extend(names.map(|name| ("securitySchemes".to_owned(), name)));
            }
            members
                .values()
                .for_each(|member| references(member, found));
        }
        _ => {}
    }
}

const KINDS: [&str; 4] = ["schemas", "responses", "parameters", "securitySchemes"];

prop_compose! {
    /// Up to 8 components of each kind and up to 6 operations, each with references to some components.
    fn api()(
        components in prop::collection::vec((0..4_usize, 0..8_usize, prop::collection::vec((0..3_usize, 0..8_usize), 0..4)), 0..32),
        operations in prop::collection::vec((any::<bool>(), prop::collection::vec((0..4_usize, 0..8_usize), 0..4)), 1..6),
    ) -> (Value, Vec<(String, bool)>) {
        let mut document = json!({"openapi": "3.1.0", "info": {}, "paths": {}, "components": {}});
        let mut known = BTreeSet::new();
        for (kind, number, _) in &components {
            known.insert((*kind, *number));
        }
        let refer = |targets: &[(usize, usize)]| {
            let known = targets.iter().filter(|target| known.contains(target));
            let values = known.map(|(kind, number)| match KINDS[*kind] {
                "securitySchemes" => json!({"security": [{format!("C{number}"): []}]}),
                kind => reference(kind, &format!("C{number}")),
            });
            json!({"uses": values.collect::<Vec<_>>()})
        };
        for (kind, number, targets) in &components {
            document["components"][KINDS[*kind]][format!("C{number}")] = refer(targets);
        }
        let mut routes = Vec::new();
        for (number, (hidden, targets)) in operations.iter().enumerate() {
            let path = format!("/{number}");
            document["paths"][&path] = json!({"get": refer(targets)});
            routes.push((format!("GET:{path}"), *hidden));
        }
        (document, routes)
    }
}

proptest! {
    #[test]
    fn the_rest_is_complete_and_minimal((base, routes) in api()) {
        let keys = |wanted: bool| -> Vec<&str> {
            routes.iter().filter(|(_, hidden)| *hidden == wanted).map(|(key, _)| key.as_str()).collect()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let document = runtime.block_on(render(base, &keys(true), &keys(false)));
        let mut referenced = BTreeSet::new();
        references(&document, &mut referenced);
        for (kind, name) in &referenced {
            let found = document.pointer(&format!("/components/{kind}/{name}"));
            prop_assert!(found.is_some(), "{kind}/{name} is missing in {document}");
        }
        if !keys(true).is_empty() {
            // Reachable from the visible parts, step by step.
            let mut reached = BTreeSet::new();
            references(&document["paths"], &mut reached);
            loop {
                let mut next = reached.clone();
                for (kind, name) in &reached {
                    references(&document["components"][kind][name], &mut next);
                }
                if next == reached {
                    break;
                }
                reached = next;
            }
            for kind in KINDS {
                for name in names(&document, &format!("/components/{kind}")) {
                    let component = (kind.to_owned(), name.to_owned());
                    prop_assert!(reached.contains(&component), "{kind}/{name} is of no use in {document}");
                }
            }
        }
    }
}
