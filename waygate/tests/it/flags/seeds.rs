//! Flags that a program brings along, and flags that work only in part.

use std::sync::Arc;

use serde_json::{Value, json};
use waygate::{
    BuildError, Waygate,
    audit::AuditQuery,
    flags::{EvaluationContext, Flag, Segment},
    health::Component,
    port::{Backend, Batch, MemoryBackend},
};

use crate::{
    faults::{DOWN, FINE, Faulty},
    support::builder,
};

fn definition(key: &str, more: Value) -> Value {
    let mut definition = json!({
        "key": key, "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "on",
    });
    for (name, value) in more.as_object().unwrap() {
        definition[name] = value.clone();
    }
    definition
}

fn flag(key: &str, more: Value) -> Flag {
    Flag::parse(&definition(key, more)).unwrap()
}

fn of_segment() -> Value {
    let clause = json!({"attribute": "key", "operator": "in_segment", "values": ["beta"]});
    json!({"rules": [{"clauses": [clause], "variation": "on"}], "fallthrough": "off"})
}

fn beta() -> Segment {
    Segment::parse(&json!({"key": "beta", "name": "Beta", "included": ["user-1"]})).unwrap()
}

fn is_on(waygate: &Waygate, key: &str) -> Option<bool> {
    let flags = waygate.flags();
    let resolution = flags.evaluate(key, &EvaluationContext::new("user-1"))?;
    resolution.as_bool().ok()
}

#[tokio::test]
async fn seeds_are_written_once_without_audit_lines() {
    let backend = Arc::new(MemoryBackend::new());
    let start = || async {
        let builder = builder().backend(backend.clone());
        let needs = json!({"prerequisites": [{"flag_key": "base", "variation": "on"}]});
        let builder = builder
            .seed_flags([flag("search", of_segment()), flag("needs", needs)])
            .seed_flags([flag("base", json!({}))])
            .seed_segments([beta()]);
        builder.build().await.unwrap()
    };
    let (one, other) = tokio::join!(start(), start());
    assert_eq!(one.revision(), other.revision());
    assert_eq!(one.revision().number, 1, "a race is one write");
    for waygate in [&one, &other] {
        assert_eq!(is_on(waygate, "search"), Some(true));
        assert_eq!(is_on(waygate, "needs"), Some(true));
    }
    assert!(one.audit(AuditQuery::newest(10)).await.unwrap().is_empty());
    let search = one.flags().flag("search").unwrap().flag;
    assert!(search.created_at.is_some());

    one.system().disable_flag("search").await.unwrap();
    let third = start().await;
    assert_eq!(
        is_on(&third, "search"),
        Some(false),
        "an operator's change stays"
    );
    assert_eq!(third.revision().number, 2);
}

#[tokio::test]
async fn seeds_are_audited_on_request() {
    let builder = builder().seed_segments([beta()]).audit_seeds(true);
    let builder = builder.seed_flags([flag("search", json!({}))]);
    let waygate = builder.build().await.unwrap();
    let lines = waygate.audit(AuditQuery::newest(10)).await.unwrap();
    let mut lines: Vec<_> = lines
        .iter()
        .map(|line| format!("{} {} {}", line.actor, line.action, line.path))
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "system flag_created flag:search",
            "system segment_created segment:beta"
        ]
    );
}

#[tokio::test]
async fn a_mistake_in_a_seed_fails_the_build() {
    let mut wrong = flag("search", json!({}));
    wrong.off_variation = "of".to_owned();
    let error = builder().seed_flags([wrong]).build().await.unwrap_err();
    assert!(matches!(error, BuildError::Flag(_)), "{error}");
    assert!(
        error.to_string().contains("flag `search`: /off_variation"),
        "{error}"
    );
}

#[tokio::test]
async fn a_seed_that_does_not_fit_is_reported() {
    let backend = Arc::new(MemoryBackend::new());
    let builder = builder().backend(backend.clone());
    let seeds = [flag("search", of_segment()), flag("other", json!({}))];
    let waygate = builder.seed_flags(seeds).build().await.unwrap();
    assert_eq!(
        (is_on(&waygate, "search"), is_on(&waygate, "other")),
        (None, Some(true))
    );
    let expected = "`flag:search` of the program was not written: /rules/0/clauses/0/values/0: there is no segment `beta`";
    assert_eq!(waygate.health()[&Component::Flags].cause, expected);
    assert!(waygate.report().to_string().contains(expected));
}

#[tokio::test(start_paused = true)]
async fn seeds_wait_for_the_store() {
    let backend = Arc::new(Faulty::default());
    backend.set(DOWN);
    let builder = builder().backend(backend.clone());
    let waygate = builder
        .seed_flags([flag("search", json!({}))])
        .build()
        .await
        .unwrap();
    assert_eq!(is_on(&waygate, "search"), None);
    assert!(!waygate.health().is_empty());
    let mut events = waygate.subscribe();
    backend.set(FINE);
    while is_on(&waygate, "search").is_none() {
        events.next().await.unwrap();
    }
}

#[tokio::test]
async fn a_flag_that_works_only_in_part_is_reported() {
    let backend = Arc::new(MemoryBackend::new());
    // Other writers may store operands that never match.
    let clause = json!({"attribute": "plan", "operator": "matches", "values": ["("]});
    let rules = json!([{"id": "r", "clauses": [clause], "variation": "on"}]);
    let mut batch = Batch::new();
    batch.puts = vec![(
        "flag/search".into(),
        definition("search", json!({"rules": rules})),
    )];
    backend.commit(batch).await.unwrap();
    let waygate = builder().backend(backend).build().await.unwrap();
    let cause = waygate.health()[&Component::Flags].cause.clone();
    assert!(
        cause
            .starts_with("`flag:search`: some conditions never match: /rules/0/clauses/0/values/0"),
        "{cause}"
    );
    assert!(waygate.report().to_string().contains(&cause));
    let mended = json!({"rules": []});
    waygate.system().patch_flag("search", mended).await.unwrap();
    assert!(waygate.health().is_empty(), "{:?}", waygate.health());
}
