//! Import and export of documents.

use serde_json::{Value, json};

#[cfg(feature = "file-yaml")]
use super::super::support::Answer;
use super::{super::support::Server, definition, mistakes};

const PATH: &str = "/api/flag-definitions";

fn document(flags: &[Value], segments: &[Value]) -> Value {
    json!({ "version": 1, "flags": flags, "segments": segments })
}

fn dependent() -> Value {
    let mut flag = definition("dependent");
    flag["prerequisites"] = json!([{ "flag_key": "search", "variation": "on" }]);
    flag["rules"] = json!([{
        "id": "r1", "clauses": [{ "attribute": "key", "operator": "in_segment", "values": ["beta"] }], "variation": "on",
    }]);
    flag
}

#[tokio::test]
async fn a_document_is_imported_in_one_commit_and_exported_again() {
    let server = Server::start().await;
    let beta = json!({ "key": "beta", "name": "Beta", "included": ["user-1"] });
    // The order of the document does not matter.
    let document = document(&[dependent(), definition("search")], &[beta]);
    let before = server.state().await;
    let planned = server
        .post(&format!("{PATH}?dry_run=true"), document.clone())
        .await
        .expect(200);
    assert_eq!(
        planned,
        json!({
            "dry_run": true, "refused": [], "notes": [],
            "segments": [{ "key": "beta", "change": "create" }],
            "flags": [{ "key": "search", "change": "create" }, { "key": "dependent", "change": "create" }],
        })
    );
    assert_eq!(server.state().await, before);
    let revision = server.waygate.revision().number;
    let mut imported = server.post(PATH, document.clone()).await.expect(200);
    imported["dry_run"] = json!(true);
    assert_eq!(imported, planned);
    assert_eq!(server.waygate.revision().number, revision + 1, "one commit");
    let lines = server.get("/api/audit?limit=3").await.expect(200);
    for line in lines.as_array().unwrap() {
        assert_eq!(
            (&line["reason"], &line["actor"]),
            (&json!("import"), &json!("admin"))
        );
    }

    let exported = server.get(PATH).await;
    assert!(!exported.header("etag").is_empty());
    let mut exported = exported.expect(200);
    assert_eq!(exported["flags"][0]["created_by"], "admin");
    let again = server.post(PATH, exported.clone()).await.expect(200);
    assert_eq!(
        again["flags"][0],
        json!({ "key": "search", "change": "unchanged" })
    );
    assert_eq!(
        server.waygate.revision().number,
        revision + 1,
        "nothing to write"
    );
    exported["flags"][1]["name"] = json!("Other");
    let changed = server.post(PATH, exported).await.expect(200);
    assert_eq!(
        changed["flags"][0],
        json!({
            "key": "search", "change": "replace",
            "fields": [{ "pointer": "/name", "old": "New search", "new": "Other" }],
        })
    );
}

#[tokio::test]
async fn a_document_with_mistakes_changes_nothing() {
    let server = Server::start().await;
    let before = server.state().await;
    let mut wrong = definition("search");
    wrong["off_variation"] = json!("blue");
    for (body, expected) in [
        (
            document(&[dependent(), wrong], &[]),
            &["/flags/1/off_variation unknown_variation"][..],
        ),
        (
            document(&[dependent()], &[]),
            &[
                "/flags/0/prerequisites/0/flag_key unknown_flag",
                "/flags/0/rules/0/clauses/0/values/0 unknown_segment",
            ],
        ),
        (json!({ "flags": [] }), &["/version missing"]),
        (json!({ "version": 2 }), &["/version wrong_type"]),
        (json!([]), &[" wrong_type"]),
    ] {
        for query in ["", "?dry_run=true"] {
            let answer = server.post(&format!("{PATH}{query}"), body.clone()).await;
            assert_eq!(mistakes(&answer), expected, "{body}");
            let error = answer.refused(400);
            assert!(
                error.starts_with("Invalid document definition: "),
                "{error}"
            );
        }
    }
    server
        .get(&format!("{PATH}?format=python"))
        .await
        .refused(400);
    server.get(&format!("{PATH}?format=x")).await.refused(400);
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn definitions_of_flagd_without_an_equivalent_are_refused_by_name() {
    let server = Server::start().await;
    let body = json!({ "flags": {
        "plain": {
            "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "on",
            "targeting": { "if": [{ "==": [{ "var": "plan" }, "free"] }, "off", "on"] },
        },
        "odd": {
            "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off",
            "targeting": { "if": [{ "reduce": [{ "var": "list" }, 1, 2] }, "on", "off"] },
        },
    }});
    let before = server.state().await;
    let path = format!("{PATH}?format=flagd");
    let refused = server.post(&path, body.clone()).await;
    let pointers = mistakes(&refused);
    assert!(
        pointers[0].starts_with("/flags/odd/targeting"),
        "{pointers:?}"
    );
    let error = refused.refused(400);
    assert!(error.contains("`odd`"), "{error}");
    assert_eq!(server.state().await, before);
    let planned = server
        .post(&format!("{path}&dry_run=true"), body.clone())
        .await
        .expect(200);
    assert_eq!(planned["refused"][0]["key"], "odd");
    assert_eq!(
        planned["flags"],
        json!([{ "key": "plain", "change": "create" }])
    );
    assert_eq!(server.state().await, before);
    server
        .post(&format!("{path}&partial=true"), body)
        .await
        .expect(200);
    for (plan, value) in [("free", false), ("pro", true)] {
        let ask = json!({ "context": { "key": "u", "attributes": { "plan": plan } } });
        let found = server
            .post("/api/flags/plain/evaluate", ask)
            .await
            .expect(200);
        assert_eq!(found["value"], value, "{plan}");
    }
    let exported = server.get(&path).await.expect(200);
    assert!(exported["flags"]["plain"].is_object(), "{exported}");
}

#[tokio::test]
async fn weights_of_flagd_are_rounded_on_request() {
    let server = Server::start().await;
    let body = json!({ "flags": { "thirds": {
        "state": "ENABLED", "variants": { "a": "a", "b": "b", "c": "c" }, "defaultVariant": "a",
        "targeting": { "fractional": [["a"], ["b"], ["c"]] },
    }}});
    let path = format!("{PATH}?format=flagd");
    let error = server.post(&path, body.clone()).await.refused(400);
    assert!(error.contains("round them with `round_weights`"), "{error}");
    let rounded = format!("{path}&round_weights=true");
    let imported = server.post(&rounded, body).await.expect(200);
    assert_eq!(
        imported["flags"],
        json!([{ "key": "thirds", "change": "create" }])
    );
    assert_eq!(
        imported["notes"][0]["message"],
        "the weights are rounded to buckets of 100,000"
    );
    let stored = server.get("/api/flags/thirds").await.expect(200);
    assert_eq!(
        stored["fallthrough"],
        json!([
            { "variation": "a", "weight": 33_333 },
            { "variation": "b", "weight": 33_334 },
            { "variation": "c", "weight": 33_333 },
        ])
    );
}

#[cfg(feature = "file-yaml")]
async fn yaml(server: &Server, body: &str) -> Answer {
    let request = server.request("POST", PATH);
    let request = request.header("content-type", "application/yaml; charset=utf-8");
    let request = request.body(body.to_owned().into());
    server.send(request.unwrap()).await
}

#[cfg(feature = "file-yaml")]
#[tokio::test]
async fn documents_can_be_yaml() {
    let server = Server::start().await;
    let document = "\
version: 1
segments:
  - {key: beta, name: Beta testers, included: [user-1]}
flags:
  - key: search
    name: New search
    type: boolean
    variations: [{name: 'on', value: true}, {name: 'off', value: false}]
    off_variation: 'off'
    fallthrough: 'off'
";
    let imported = yaml(&server, document).await.expect(200);
    assert_eq!(imported["flags"][0]["change"], "create");
    let app = server.app.with_header("x-waygate-token", &server.token);
    let app = app.with_header("accept", "application/yaml");
    let exported = app.get(&format!("/waygate{PATH}")).await;
    assert_eq!(exported.header("content-type"), Some("application/yaml"));
    let text = exported.text();
    assert!(text.contains("\nversion: 1"), "{text}");
    let unchanged = yaml(&server, &text).await.expect(200);
    assert_eq!(unchanged["flags"][0]["change"], "unchanged");

    // A document without content is null, and the answer says what is expected.
    for empty in ["", "# only a comment\n"] {
        let refused = yaml(&server, empty).await;
        assert_eq!(refused.status.as_u16(), 400);
        let body = refused.json().to_string();
        assert!(body.contains("expected an object"), "{body}");
    }
    for (bad, message) in [
        ("version: 1\nversion: 1\n", "duplicate entry"),
        ("flags: [", "invalid YAML"),
        (&"[".repeat(10_000), "recursion limit"),
    ] {
        let refused = yaml(&server, bad).await;
        let body = refused.json();
        assert_eq!(
            (refused.status.as_u16(), &body["error"]),
            (400, &json!("Invalid YAML body"))
        );
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(message), "{detail}");
    }
}

#[cfg(feature = "file-yaml")]
#[tokio::test]
async fn numbers_that_json_does_not_have_are_refused_in_yaml() {
    let server = Server::start().await;
    let before = server.state().await;
    for (number, message) in [
        (".nan", "`.nan` at line 7 column 32 is no number of JSON"),
        ("-.INF", "`-.INF` at line 7 column 32 is no number of JSON"),
        (
            "18446744073709551616",
            "the whole number 18446744073709551616 at line 7 column 32 does not fit in 64 bits",
        ),
    ] {
        let document = format!(
            "version: 1\nflags:\n  - key: search\n    name: Search\n    type: json\n    variations:\n      - \
             {{name: one, value: {{n: {number}}}}}\n    off_variation: one\n    fallthrough: one\n"
        );
        let refused = yaml(&server, &document).await;
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(message), "{detail}");
        assert_eq!(refused.refused(400), "Invalid YAML body");
    }
    assert_eq!(server.state().await, before);
}

#[cfg(feature = "file-yaml")]
#[tokio::test]
async fn the_export_is_in_the_accepted_form() {
    let server = Server::start().await;
    for (accept, content_type) in [
        ("application/yaml", "application/yaml"),
        ("application/yaml;q=0, application/json", "application/json"),
        ("application/yaml;q=0", "application/json"),
        (
            "application/yaml;q=0.1, application/json;q=0.2",
            "application/json",
        ),
        (
            "application/json;q=0.1, text/yaml;q=0.2",
            "application/yaml",
        ),
    ] {
        let app = server.app.with_header("x-waygate-token", &server.token);
        let app = app.with_header("accept", accept);
        let exported = app.get(&format!("/waygate{PATH}")).await;
        assert_eq!(
            exported.header("content-type"),
            Some(content_type),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn documents_of_python_that_are_no_objects_are_refused() {
    let server = Server::start().await;
    let flag = definition("search");
    for (body, text) in [
        (
            json!([flag]),
            "a document of Python Waygate is an object with the lists `flags` and `segments`; this is an array",
        ),
        (
            json!({ "flag": [flag] }),
            "a document of Python Waygate is an object with the lists `flags` and `segments`; this one has neither",
        ),
    ] {
        for query in ["", "&dry_run=true", "&partial=true"] {
            let path = format!("{PATH}?format=python{query}");
            let refused = server.post(&path, body.clone()).await;
            assert_eq!(refused.refused(400), text, "{query}");
        }
    }
    let path = format!("{PATH}?format=python");
    let imported = server.post(&path, json!({ "flags": [flag] })).await;
    assert_eq!(imported.expect(200)["flags"][0]["key"], "search");
}
