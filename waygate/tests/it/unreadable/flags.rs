//! Flags and segments that cannot be read.

use serde_json::json;
use waygate::flags::{ErrorCode, EvaluationContext, Flag, Segment};

use super::{Directory, Process, edit, start};

fn flag(key: &str) -> Flag {
    let definition = json!({
        "key": key, "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "on",
    });
    Flag::parse(&definition).unwrap()
}

fn is_on(process: &Process, key: &str) -> Option<bool> {
    let flags = process.waygate.flags();
    let resolution = flags.evaluate(key, &EvaluationContext::new("user-1"))?;
    resolution.as_bool().ok()
}

#[tokio::test]
async fn the_last_known_flag_applies_or_none() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    system.create_flag(flag("search")).await.unwrap();
    system.create_flag(flag("other")).await.unwrap();
    system.disable_flag("search").await.unwrap();
    edit(&path, |entities| {
        entities["flag/search"]["value"]["variations"] = json!("none");
    });
    process
        .until("seen", |process| {
            process.records().contains("`flag/search`: ")
        })
        .await;
    assert_eq!(
        is_on(&process, "search"),
        Some(false),
        "its last known value"
    );
    assert_eq!(
        is_on(&process, "other"),
        Some(true),
        "others are unaffected"
    );
    assert!(
        process
            .waygate
            .report()
            .to_string()
            .contains("`flag/search`: ")
    );

    // Nothing is known about it at a start without earlier generations.
    drop((system, process));
    for generation in std::fs::read_dir(&directory.0).unwrap() {
        let generation = generation.unwrap().path();
        if generation != path && generation.is_file() {
            std::fs::remove_file(generation).unwrap();
        }
    }
    let process = start(&path).await;
    assert!(
        process.records().contains("`flag/search`: "),
        "{}",
        process.records()
    );
    assert_eq!(is_on(&process, "other"), Some(true));
    assert_eq!(is_on(&process, "search"), None);

    // A change repairs it.
    process
        .waygate
        .system()
        .set_flag(flag("search"))
        .await
        .unwrap();
    assert_eq!(is_on(&process, "search"), Some(true));
    assert_eq!(process.records(), "");
}

#[tokio::test]
async fn an_unreadable_flag_is_not_seeded_over() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    process
        .waygate
        .system()
        .create_flag(flag("search"))
        .await
        .unwrap();
    drop(process);
    edit(&path, |entities| {
        entities["flag/search"]["value"] = json!({"of": "a later version"});
    });
    let file = waygate::port::FileBackend::open(&path).await.unwrap();
    let builder = crate::support::builder().backend(file);
    let builder = builder.seed_flags([flag("search"), flag("other")]);
    let waygate = builder.build().await.unwrap();
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let entities = &written["entities"];
    assert_eq!(
        entities["flag/search"]["value"],
        json!({"of": "a later version"})
    );
    assert!(entities["flag/other"].is_object(), "{entities}");
    drop(waygate);
}

/// Another writer may store a definition under the key of another one.
#[tokio::test]
async fn a_definition_under_another_key_is_unreadable() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    system.create_flag(flag("search")).await.unwrap();
    drop((system, process));
    edit(&path, |entities| {
        entities["flag/search"]["value"]["key"] = json!("other");
    });
    let process = start(&path).await;
    let expected = "the definition has the key `other`: it must be that of the record, `search`";
    assert!(
        process.records().contains(expected),
        "{}",
        process.records()
    );
    assert_eq!(is_on(&process, "other"), None);
}

#[tokio::test]
async fn an_unreadable_segment_keeps_its_members() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    let beta = json!({"key": "beta", "name": "Beta", "included": ["user-1"]});
    system
        .create_segment(Segment::parse(&beta).unwrap())
        .await
        .unwrap();
    system.create_flag(flag("search")).await.unwrap();
    let rules = json!({"fallthrough": "off", "rules": [{
        "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}], "variation": "on",
    }]});
    system.patch_flag("search", rules).await.unwrap();
    edit(&path, |entities| {
        entities["segment/beta"]["value"]["included"] = json!("user-1");
    });
    process
        .until("seen", |process| {
            process.records().contains("`segment/beta`: ")
        })
        .await;
    assert_eq!(is_on(&process, "search"), Some(true));
}

/// Nothing is known about the members of a segment, neither for a rule on members nor for one on all others.
#[tokio::test]
async fn flags_on_an_unknown_segment_are_errors_at_a_cold_start() {
    let directory = Directory::new();
    let path = directory.state();
    let process = start(&path).await;
    let system = process.waygate.system();
    let beta = json!({"key": "beta", "name": "Beta", "included": ["user-1"]});
    let beta = Segment::parse(&beta).unwrap();
    system.create_segment(beta.clone()).await.unwrap();
    for (key, operator) in [("members", "in_segment"), ("others", "not_in_segment")] {
        system.create_flag(flag(key)).await.unwrap();
        let rules = json!({"fallthrough": "off", "rules": [{
            "clauses": [{"attribute": "key", "operator": operator, "values": ["beta"]}], "variation": "on",
        }]});
        system.patch_flag(key, rules).await.unwrap();
    }
    assert_eq!(is_on(&process, "members"), Some(true));
    assert_eq!(is_on(&process, "others"), Some(false));
    drop((system, process));
    edit(&path, |entities| {
        entities["segment/beta"]["value"]["included"] = json!("user-1");
    });
    for generation in std::fs::read_dir(&directory.0).unwrap() {
        let generation = generation.unwrap().path();
        if generation != path && generation.is_file() {
            std::fs::remove_file(generation).unwrap();
        }
    }
    let process = start(&path).await;
    for key in ["members", "others"] {
        let flags = process.waygate.flags();
        let resolution = flags
            .evaluate(key, &EvaluationContext::new("user-1"))
            .unwrap();
        assert_eq!(resolution.as_bool(), Err(ErrorCode::General), "{key}");
        let expected = "A rule uses a segment that does not exist or cannot be read";
        assert_eq!(resolution.error_message(), Some(expected), "{key}");
        let fault =
            format!("`flag:{key}`: /rules/0: the segment `beta` does not exist or cannot be read");
        assert!(
            process.waygate.report().to_string().contains(&fault),
            "{}",
            process.waygate.report()
        );
        let health = process.waygate.health();
        assert!(format!("{health:?}").contains(&fault), "{health:?}");
    }
    assert!(
        process
            .records()
            .contains("flags that depend on it evaluate to an error"),
        "{}",
        process.records()
    );

    // Other changes of such a flag are refused, but it can be turned off and on.
    let system = process.waygate.system();
    let rest = json!({"enabled": false, "name": "Others"});
    system.patch_flag("others", rest).await.unwrap_err();
    assert!(!system.disable_flag("others").await.unwrap().flag.enabled);
    assert_eq!(is_on(&process, "others"), Some(false));
    let on = system.patch_flag("others", json!({"enabled": true})).await;
    assert!(on.unwrap().flag.enabled);

    // A change repairs it.
    system.set_segment(beta).await.unwrap();
    assert_eq!(is_on(&process, "members"), Some(true));
    assert_eq!(is_on(&process, "others"), Some(false));
    assert!(
        !process
            .waygate
            .report()
            .to_string()
            .contains("segment `beta`")
    );
}
