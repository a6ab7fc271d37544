use proptest::prelude::*;
use serde_json::{Value, json};
use waygate_core::flag::exchange::{FieldChange, difference};

fn changes(old: Value, new: Value) -> Vec<Value> {
    let json = |change: &FieldChange| serde_json::to_value(change).unwrap();
    difference(&old, &new).iter().map(json).collect()
}

#[test]
fn changes_are_as_deep_as_possible() {
    let old = json!({"a/b": {"~": [1, {"x": 1, "y": 2}, 3]}, "gone": null, "same": 5});
    let new = json!({"a/b": {"~": [1, {"x": 2, "y": 2}, 3]}, "new": {}, "same": 5.0});
    assert_eq!(
        changes(old, new),
        [
            json!({"pointer": "/a~1b/~0/1/x", "old": 1, "new": 2}),
            json!({"pointer": "/gone", "old": null}),
            json!({"pointer": "/new", "new": {}}),
        ]
    );
}

#[test]
fn entries_that_move_a_list_are_single_changes() {
    let rules = |ids: &[&str]| json!(ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>());
    assert_eq!(
        changes(rules(&["a", "b"]), rules(&["new", "a", "b"])),
        [json!({"pointer": "/0", "new": {"id": "new"}})]
    );
    assert_eq!(
        changes(rules(&["a", "b", "c"]), rules(&["a", "c"])),
        [json!({"pointer": "/1", "old": {"id": "b"}})]
    );
    assert_eq!(
        changes(json!([1]), json!({})),
        [json!({"pointer": "", "old": [1], "new": {}})]
    );
    assert!(changes(json!([[], {}]), json!([[], {}])).is_empty());
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab/~]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn equal_documents_have_no_difference_and_others_have_one(old in values(), new in values()) {
        prop_assert_eq!(difference(&old, &new).is_empty(), old == new);
        prop_assert!(difference(&old, &old).is_empty());
        for change in difference(&old, &new) {
            // A removed value has its place in the old document, another one in the new document.
            match (&change.old, &change.new) {
                (Some(value), None) => prop_assert_eq!(old.pointer(&change.pointer), Some(value)),
                (_, new_value) => prop_assert_eq!(new.pointer(&change.pointer), new_value.as_ref()),
            }
        }
    }
}
