//! Changes by time: schedules, progressive rollouts, lifecycle.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use waygate_core::{
    Timestamp,
    flag::{
        Activity, CompileOptions, Flag, Lifecycle, LifecycleRules, Progressive, Reason, Serve,
        lifecycle,
    },
    port::ManualClock,
};

use crate::support::{context, set};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn definition(more: Value) -> Value {
    let mut definition = json!({
        "key": "f", "name": "F", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off",
        "rules": [{"id": "r1", "clauses": [], "variation": "off"}],
    });
    for (name, value) in more.as_object().unwrap() {
        definition[name] = value.clone();
    }
    definition
}

fn change(id: &str, hour: u32, action: &str, payload: Value) -> Value {
    let execute_at = format!("2030-01-01T{hour:02}:00:00Z");
    json!({"id": id, "execute_at": execute_at, "action": action, "payload": payload})
}

#[test]
fn every_action_changes_the_flag_and_leaves_the_schedule() {
    let rule = json!({"id": "r2", "clauses": [], "variation": "on"});
    let flag = Flag::parse(&definition(json!({"scheduled_changes": [
        change("7", 7, "patch", json!({"name": "New", "key": "ignored", "type": "string", "tags": ["a"]})),
        change("1", 1, "disable", json!({})),
        change("2", 2, "enable", json!({})),
        change("3", 3, "update_rollout", json!({"variation": "on"})),
        change("4", 4, "update_rollout", json!({"variation": null, "rollout": [
            {"variation": "on", "weight": 1_000}, {"variation": "off", "weight": 99_000},
        ]})),
        change("5", 5, "add_rule", rule),
        change("6", 6, "delete_rule", json!({"rule_id": "r1"})),
    ]})))
    .unwrap();
    assert_eq!(flag.next_change(), Some(at("2030-01-01T01:00:00Z")));
    let ids = |now: &str| {
        let due = flag.due(at(now)).into_iter();
        due.map(|change| change.id.clone()).collect::<String>()
    };
    assert_eq!(ids("2030-01-01T00:59:59Z"), "");
    assert_eq!(ids("2030-01-01T03:00:00Z"), "123");
    assert_eq!(ids("2031-01-01T00:00:00Z"), "1234567");
    let mut now = flag.clone();
    let mut steps = Vec::new();
    for change in flag.due(at("2031-01-01T00:00:00Z")) {
        now = now.after(change).unwrap();
        steps.push(now.clone());
    }
    assert!(!steps[0].enabled && steps[1].enabled);
    assert_eq!(steps[2].fallthrough, Serve::Variation("on".to_owned()));
    assert!(matches!(&steps[3].fallthrough, Serve::Rollout(parts) if parts[0].weight == 1_000));
    let rules = |flag: &Flag| {
        flag.rules
            .iter()
            .map(|rule| rule.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(rules(&steps[4]), ["r1", "r2"]);
    assert_eq!(rules(&steps[5]), ["r2"]);
    assert_eq!(
        (&*now.name, now.key.as_str(), now.value_type.as_str()),
        ("New", "f", "boolean")
    );
    assert_eq!(now.tags, ["a"]);
    assert!(now.scheduled_changes.is_empty());
}

#[test]
fn changes_that_cannot_be_made_are_refused_when_they_are_scheduled() {
    for (action, payload, expected) in [
        (
            "update_rollout",
            json!({}),
            "expected `variation` with the name of a variation, or `rollout` with a list",
        ),
        (
            "update_rollout",
            json!({"variation": "x"}),
            "the flag would be invalid after this change: /fallthrough: the flag has no variation `x`; use one of `on`, `off`",
        ),
        (
            "update_rollout",
            json!({"rollout": [{"variation": "on", "weight": 1}]}),
            "the flag would be invalid after this change: /fallthrough: the weights sum to 1; they must sum to 100000, which is 100%",
        ),
        (
            "add_rule",
            json!({"variation": 5}),
            "expected a string, found the number 5",
        ),
        (
            "add_rule",
            json!({"id": "r1"}),
            "the flag would be invalid after this change: /rules/1/id: `r1` is there twice",
        ),
        (
            "delete_rule",
            json!({}),
            "expected `rule_id` with the id of a rule",
        ),
        (
            "patch",
            json!({"enabled": "no"}),
            "the flag would be invalid after this change: /enabled: expected true or false, found a string",
        ),
        (
            "patch",
            json!({"enabeld": true}),
            "the flag would be invalid after this change: /enabeld: there is no such member; did you mean `enabled`?",
        ),
    ] {
        let definition =
            definition(json!({"scheduled_changes": [change("1", 1, action, payload)]}));
        let problems = Flag::parse(&definition).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [format!("/scheduled_changes/0/payload: {expected}")]);
    }
}

#[test]
fn a_patch_replaces_whole_members() {
    let flag = Flag::parse(&definition(json!({"tags": ["a", "b"]}))).unwrap();
    let patch =
        json!({"key": "other", "type": "string", "name": "New", "tags": ["c"], "rules": []});
    let patched = flag.patch(&patch).unwrap();
    assert_eq!(
        (patched.key.as_str(), patched.value_type.as_str()),
        ("f", "boolean")
    );
    assert_eq!(
        (&*patched.name, &patched.tags[..], patched.rules.len()),
        ("New", &["c".to_owned()][..], 0)
    );
    assert_eq!(flag.patch(&json!({})).unwrap(), flag);
    let shown = |patch: Value| flag.patch(&patch).unwrap_err().to_string();
    assert_eq!(shown(json!([1])), "expected an object");
    assert_eq!(
        shown(json!({"off_variation": "blue"})),
        "/off_variation: the flag has no variation `blue`; use one of `on`, `off`"
    );
    let hold = json!({"from": "2030-01-02T00:00:00Z", "until": "2030-01-01T00:00:00Z"});
    let progressive = json!({
        "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
        "stages": [{"after_seconds": 5, "weight": 5}, {"after_seconds": 5, "weight": 4}], "holds": [hold],
    });
    assert_eq!(
        shown(json!({"progressive": progressive})),
        "/progressive/holds/0/until: the end comes before the start; \
         /progressive/stages/1/after_seconds: stages come in order, each later than the one before; \
         /progressive/stages/1/weight: weights do not fall: contexts would lose the variation"
    );
}

fn progressive(more: Value) -> Progressive {
    let mut value = json!({
        "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
        "stages": [
            {"after_seconds": 0, "weight": 1_000}, {"after_seconds": 100, "weight": 11_000},
            {"after_seconds": 200, "weight": 100_000},
        ],
    });
    for (name, member) in more.as_object().unwrap() {
        value[name] = member.clone();
    }
    let flag = Flag::parse(&definition(json!({"progressive": value}))).unwrap();
    flag.progressive.unwrap()
}

fn second(second: i64) -> Timestamp {
    at("2030-01-01T00:00:00Z") + std::time::Duration::from_secs(second.unsigned_abs())
}

#[test]
fn a_progressive_rollout_grows_in_steps_or_evenly() {
    let (steps, linear) = (progressive(json!({})), progressive(json!({"linear": true})));
    for (now, in_steps, evenly) in [
        (0, 1_000, 1_000),
        (50, 1_000, 6_000),
        (99, 1_000, 10_900),
        (100, 11_000, 11_000),
        (150, 11_000, 55_500),
        (200, 100_000, 100_000),
        (10_000, 100_000, 100_000),
    ] {
        assert_eq!(steps.weight(second(now)), in_steps, "{now}");
        assert_eq!(linear.weight(second(now)), evenly, "{now}");
    }
    let before = at("2029-12-31T23:59:59Z");
    assert_eq!((steps.weight(before), linear.weight(before)), (0, 0));
}

#[test]
fn a_hold_stops_the_growth_until_it_is_resumed() {
    let mut rollout = progressive(json!({"linear": true}));
    assert!(rollout.hold(second(50)));
    assert!(!rollout.hold(second(60)));
    assert_eq!(rollout.weight(second(50)), 6_000);
    assert_eq!(rollout.weight(second(5_000)), 6_000);
    assert!(rollout.resume(second(5_000)));
    assert!(!rollout.resume(second(5_001)));
    assert_eq!(rollout.weight(second(5_000)), 6_000);
    assert_eq!(rollout.weight(second(5_050)), 11_000);
    assert_eq!(rollout.weight(second(50)), 6_000);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_progressive_rollout_never_loses_a_context(
        linear in any::<bool>(),
        toggles in vec(0..300_i64, 0..6),
        times in vec(0..400_i64, 2..20),
    ) {
        let mut rollout = progressive(json!({"linear": linear}));
        let mut toggles = toggles;
        toggles.sort_unstable();
        for (index, toggle) in toggles.iter().enumerate() {
            match index % 2 {
                0 => rollout.hold(second(*toggle)),
                _ => rollout.resume(second(*toggle)),
            };
        }
        let mut times = times;
        times.sort_unstable();
        let weights: Vec<u32> = times.iter().map(|time| rollout.weight(second(*time))).collect();
        prop_assert!(weights.is_sorted(), "{weights:?} {rollout:?}");
    }
}

#[test]
fn the_evaluation_follows_a_progressive_rollout() {
    let flag = definition(json!({"rules": [], "progressive": {
        "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z", "linear": true,
        "stages": [{"after_seconds": 0, "weight": 0}, {"after_seconds": 1_000, "weight": 100_000}],
    }}));
    let set = set(&[flag], &[], CompileOptions::default());
    let clock = ManualClock::at(at("2029-01-01T00:00:00Z"));
    let count = || {
        let users = (0..1_000).filter(|user| {
            let context = context(&json!({"key": format!("user-{user}")}));
            let resolution = set.evaluate("f", &context, &clock).unwrap();
            assert_eq!(resolution.reason(), Reason::Split);
            let explained = set.explain("f", &context, &clock).unwrap();
            assert_eq!(explained.resolution.variation(), resolution.variation());
            resolution.as_bool().unwrap()
        });
        users.count()
    };
    assert_eq!(count(), 0);
    clock.set_wall(at("2030-01-01T00:05:00Z"));
    assert!((250..350).contains(&count()));
    clock.set_wall(at("2030-01-01T00:16:40Z"));
    assert_eq!(count(), 1_000);
}

#[test]
fn the_lifecycle_follows_from_age_and_use() {
    let flag = |more: Value| Flag::parse(&definition(more)).unwrap();
    let young = json!({"created_at": "2030-01-01T00:00:00Z"});
    let of = |flag: &Flag, last: Option<&str>, same: Option<&str>, now: &str| {
        let activity = Activity {
            last_evaluated: last.map(at),
            same_variation_since: same.map(at),
            observed_since: None,
        };
        lifecycle(flag, activity, LifecycleRules::default(), at(now))
    };
    let temporary = flag(young.clone());
    assert_eq!(
        of(&temporary, None, None, "2030-01-07T23:59:59Z"),
        Lifecycle::New
    );
    assert_eq!(
        of(&temporary, None, None, "2030-01-08T00:00:00Z"),
        Lifecycle::Active
    );
    assert_eq!(
        of(&temporary, None, None, "2030-01-31T00:00:00Z"),
        Lifecycle::Stale
    );
    let used = Some("2030-01-02T00:00:00Z");
    assert_eq!(
        of(&temporary, used, None, "2030-01-03T00:00:00Z"),
        Lifecycle::Active
    );
    assert_eq!(
        of(&temporary, used, None, "2030-02-01T00:00:00Z"),
        Lifecycle::Stale
    );
    let lately = Some("2030-03-01T00:00:00Z");
    assert_eq!(
        of(&temporary, lately, used, "2030-03-01T00:00:01Z"),
        Lifecycle::Stale
    );
    let mut kept = young.clone();
    kept["temporary"] = json!(false);
    assert_eq!(
        of(&flag(kept), used, used, "2040-01-01T00:00:00Z"),
        Lifecycle::Active
    );
    let mut expiring = young;
    expiring["expires_at"] = json!("2030-01-02T00:00:00Z");
    assert_eq!(
        of(&flag(expiring.clone()), None, None, "2030-01-01T23:59:59Z"),
        Lifecycle::New
    );
    assert_eq!(
        of(&flag(expiring), None, None, "2030-01-02T00:00:00Z"),
        Lifecycle::Expired
    );
}

#[test]
fn a_new_fallthrough_takes_effect_or_is_refused() {
    let stages = json!([{"after_seconds": 0, "weight": 1_000}]);
    let progressive = json!({
        "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z", "stages": stages,
    });
    let schedule = json!([change(
        "c1",
        1,
        "update_rollout",
        json!({"variation": "on"})
    )]);
    let flag = definition(json!({"progressive": progressive, "scheduled_changes": schedule}));
    let flag = Flag::parse(&flag).unwrap();
    let refused = flag.patch(&json!({"fallthrough": "on"})).unwrap_err();
    assert!(
        refused.to_string().contains("set `progressive` to null"),
        "{refused}"
    );
    let whole = flag.patch(&json!({"fallthrough": "on", "progressive": null}));
    assert_eq!(whole.unwrap().progressive, None);
    assert!(
        flag.patch(&json!({"fallthrough": "off", "name": "G"}))
            .is_ok()
    );
    let after = flag.after(&flag.scheduled_changes[0]).unwrap();
    assert_eq!(after.progressive, None);
    assert_eq!(after.fallthrough, Serve::Variation("on".to_owned()));
}
