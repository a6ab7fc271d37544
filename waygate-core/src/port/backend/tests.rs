use serde_json::{Value, json};

use super::*;
use crate::model::Epoch;

fn put(key: &str, value: Value) -> Batch {
    Batch {
        puts: vec![(key.into(), value)],
        ..Batch::default()
    }
}

fn problem(batch: &Batch) -> String {
    batch.check().unwrap_err().to_string()
}

#[test]
fn a_key_is_short_and_printable() {
    assert!(put(&"k".repeat(2048), Value::Null).check().is_ok());
    assert!(put("route/GET:/grüße/{id}", Value::Null).check().is_ok());
    let empty = put("", Value::Null);
    assert!(problem(&empty).contains("\"\" is empty; a key has 1 to 2048 bytes"));
    let long = put(&"k".repeat(2049), Value::Null);
    assert!(problem(&long).contains("has 2049 bytes"));
    let expected = Batch {
        expected: vec![("a\nb".into(), Expected::Absent)],
        ..Batch::default()
    };
    assert!(problem(&expected).contains(r#""a\nb" has a control character"#));
}

#[test]
fn a_batch_names_each_key_once() {
    let mut batch = put("a", json!(1));
    batch.deletes.push("b".into());
    assert!(batch.check().is_ok());
    batch.deletes.push("a".into());
    assert!(problem(&batch).contains("`a` is changed twice"));
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    assert!(put("a", nested(64)).check().is_ok());
    assert!(problem(&put("a", nested(65))).contains("deeper than 64 levels"));
}

fn entry(path: &str, service: Option<&str>) -> AuditEntry {
    serde_json::from_value(json!({
        "id": "0b8955c8-622a-45a8-8fd8-0e57924ec972",
        "timestamp": "2026-11-22T22:16:37Z",
        "path": path,
        "service": service,
        "action": "enable",
    }))
    .unwrap()
}

#[test]
fn an_entity_is_named_by_kind_and_key() {
    let key = EntityKey::of("route", "GET:/payments");
    assert_eq!(key.as_str(), "route/GET:/payments");
    assert_eq!(key.name_in("route"), Some("GET:/payments"));
    assert_eq!(key.name_in("rout"), None);
    assert_eq!(key.name_in("route/GET:"), Some("payments"));
    let global = EntityKey::singleton("global");
    assert_eq!(global.to_string(), "global");
    assert_eq!(global.name_in("global"), None);
    assert_eq!(EntityKey::from("global"), global);
    assert_eq!(
        serde_json::to_value(&key).unwrap(),
        json!("route/GET:/payments")
    );
}

#[test]
fn audit_filters_apply_before_the_page() {
    let entries = [
        entry("/a", None),
        entry("/b", Some("x")),
        entry("/a", Some("x")),
        entry("/a", Some("y")),
        entry("/ab", Some("x")),
    ];
    let page = |query: AuditQuery| -> Vec<(String, Option<String>)> {
        let page = query.page(&entries).into_iter();
        page.map(|entry| (entry.path, entry.service)).collect()
    };
    let of = |path: &str, service: Option<&str>| (path.to_owned(), service.map(str::to_owned));
    assert_eq!(page(AuditQuery::newest(0)), []);
    assert_eq!(
        page(AuditQuery::newest(2)),
        [of("/a", None), of("/b", Some("x"))]
    );
    assert_eq!(page(AuditQuery::newest(99)).len(), 5);
    let path = Some("/a".to_owned());
    let service = Some("x".to_owned());
    let query = AuditQuery {
        path: path.clone(),
        ..AuditQuery::newest(2)
    };
    assert_eq!(page(query), [of("/a", None), of("/a", Some("x"))]);
    let query = AuditQuery {
        path: path.clone(),
        offset: 2,
        ..AuditQuery::newest(9)
    };
    assert_eq!(page(query), [of("/a", Some("y"))]);
    let query = AuditQuery {
        service: service.clone(),
        ..AuditQuery::newest(1)
    };
    assert_eq!(page(query), [of("/b", Some("x"))]);
    let query = AuditQuery {
        path,
        service,
        offset: 9,
        ..AuditQuery::newest(9)
    };
    assert_eq!(page(query), []);
}

#[test]
fn an_empty_store_is_at_zero() {
    let epoch = Epoch::random();
    let image = Image::empty(epoch);
    assert_eq!(image.revision, Revision { epoch, number: 0 });
    assert!(image.entities.is_empty());
}

#[test]
fn a_conflict_names_the_stored_state() {
    let conflict = CommitError::Conflict {
        key: EntityKey::of("route", "GET:/payments"),
        expected: Expected::Revision(3),
        found: Expected::Revision(4),
    };
    assert_eq!(
        conflict.to_string(),
        "`route/GET:/payments` was changed in the meantime: expected Revision(3), found Revision(4)"
    );
}

#[test]
fn a_replaced_store_names_its_epoch() {
    let (expected, other) = (Epoch::random(), Epoch::random());
    let said = |found| CommitError::Replaced { expected, found }.to_string();
    assert_eq!(
        said(None),
        format!("the store was replaced: epoch {expected} was expected, the store is empty")
    );
    assert!(said(Some(other)).ends_with(&format!("found {other}")));
}
