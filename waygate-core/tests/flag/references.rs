//! References between definitions.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use waygate_core::flag::{
    Definitions, Flag, FlagKey, Problems, Segment, SegmentKey, check_flag, check_flag_removal,
    check_segment, check_segment_removal, reference_faults,
};

struct All(BTreeMap<FlagKey, Flag>, BTreeMap<SegmentKey, Segment>);

impl Definitions for All {
    fn flag(&self, key: &str) -> Option<&Flag> {
        self.0.get(key)
    }

    fn segment(&self, key: &str) -> Option<&Segment> {
        self.1.get(key)
    }

    fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> {
        Box::new(self.0.values())
    }

    fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> {
        Box::new(self.1.values())
    }
}

fn flag(key: &str, needs: &[&str], more: Value) -> Flag {
    let prerequisites = needs
        .iter()
        .map(|key| json!({"flag_key": key, "variation": "on"}));
    let mut definition = json!({
        "key": key, "name": "F", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "on", "prerequisites": prerequisites.collect::<Vec<_>>(),
    });
    for (name, value) in more.as_object().unwrap() {
        definition[name] = value.clone();
    }
    Flag::parse(&definition).unwrap()
}

fn segment(key: &str, needs: &[&str]) -> Segment {
    let clauses = needs
        .iter()
        .map(|key| json!({"attribute": "key", "operator": "in_segment", "values": [key]}));
    let rules = clauses.map(|clause| json!({"id": clause.to_string(), "clauses": [clause]}));
    Segment::parse(&json!({"key": key, "name": "S", "rules": rules.collect::<Vec<_>>()})).unwrap()
}

fn all(flags: Vec<Flag>, segments: Vec<Segment>) -> All {
    let flags = flags.into_iter().map(|flag| (flag.key.clone(), flag));
    let segments = segments
        .into_iter()
        .map(|segment| (segment.key.clone(), segment));
    All(flags.collect(), segments.collect())
}

fn shown(result: Result<(), Problems>) -> Vec<String> {
    let problems = result.err().into_iter().flatten();
    problems.map(|problem| problem.to_string()).collect()
}

#[test]
fn prerequisites_exist_and_form_no_cycle() {
    let others = all(
        vec![
            flag("a", &["b"], json!({})),
            flag("b", &[], json!({})),
            flag("search", &[], json!({})),
        ],
        vec![],
    );
    let check = |flag: Flag| shown(check_flag(&flag, &others));
    assert_eq!(check(flag("c", &["a", "b"], json!({}))), [""; 0]);
    assert_eq!(
        check(flag("c", &["serch"], json!({}))),
        ["/prerequisites/0/flag_key: there is no flag `serch`; did you mean `search`?"]
    );
    assert_eq!(
        check(flag(
            "c",
            &[],
            json!({"prerequisites": [{"flag_key": "a", "variation": "of"}]})
        )),
        ["/prerequisites/0/variation: the flag `a` has no variation `of`; use one of `on`, `off`"]
    );
    assert_eq!(
        check(flag("b", &["a"], json!({}))),
        ["/prerequisites: the prerequisites form a cycle: b → a → b"]
    );
    assert_eq!(
        check(flag("c", &["c"], json!({}))),
        ["/prerequisites: the prerequisites form a cycle: c → c"]
    );
    let renamed = json!({
        "variations": [{"name": "yes", "value": true}], "off_variation": "yes", "fallthrough": "yes",
    });
    assert_eq!(
        check(flag("b", &[], renamed)),
        ["/variations: the flag `a` requires the variation `on`"]
    );
    assert_eq!(
        shown(check_flag_removal("b", &others)),
        ["`b` is a prerequisite of the flag `a`"]
    );
    assert_eq!(shown(check_flag_removal("search", &others)), [""; 0]);
}

#[test]
fn chains_are_limited_from_both_ends() {
    let name = |number: usize| format!("p{number:02}");
    let chain = |from: usize, to: usize| -> Vec<Flag> {
        let each = (from..to).map(|number| flag(&name(number), &[&name(number + 1)], json!({})));
        each.chain([flag(&name(to), &[], json!({}))]).collect()
    };
    let deep = ["/prerequisites: the prerequisites form a chain of more than 10"];
    assert_eq!(
        shown(check_flag(
            &flag("f", &["p00"], json!({})),
            &all(chain(0, 9), vec![])
        )),
        [""; 0]
    );
    assert_eq!(
        shown(check_flag(
            &flag("f", &["p00"], json!({})),
            &all(chain(0, 10), vec![])
        )),
        deep
    );
    // Five above, and six below.
    let mut flags = chain(0, 4);
    flags.extend(chain(6, 12));
    let middle = flag("p04", &["p06"], json!({}));
    assert_eq!(
        shown(check_flag(&middle, &all(flags.clone(), vec![]))),
        deep
    );
    flags.retain(|flag| flag.key.as_str() != "p00");
    assert_eq!(shown(check_flag(&middle, &all(flags, vec![]))), [""; 0]);
    // Each needs all after it: 2^9 ways, and twice as many with one more.
    let dense = |len: usize| -> Vec<Flag> {
        let needs = |number: usize| (number + 1..len).map(name).collect::<Vec<_>>();
        let one = |number| {
            let needs = needs(number);
            flag(
                &name(number),
                &needs.iter().map(String::as_str).collect::<Vec<_>>(),
                json!({}),
            )
        };
        (0..len).map(one).collect()
    };
    let check = |len: usize| {
        let flags = dense(len);
        shown(check_flag(&flags[0].clone(), &all(flags, vec![])))
    };
    assert_eq!(check(10), [""; 0]);
    assert_eq!(
        check(11),
        ["/prerequisites: the prerequisites take 1024 steps; at most 1000 are allowed"]
    );
}

#[test]
fn segments_exist_and_form_no_cycle() {
    let clause =
        json!({"attribute": "key", "operator": "not_in_segment", "values": ["beta", "ghost"]});
    let with_rule = flag(
        "f",
        &[],
        json!({"rules": [{"clauses": [clause], "variation": "on"}]}),
    );
    let others = all(
        vec![with_rule.clone()],
        vec![segment("beta", &["inner"]), segment("inner", &[])],
    );
    assert_eq!(
        shown(check_flag(&with_rule, &others)),
        ["/rules/0/clauses/0/values/1: there is no segment `ghost`"]
    );
    assert_eq!(
        shown(check_segment(
            &segment("inner", &["beta", "ghost"]),
            &others
        )),
        [
            "/rules/1/clauses/0/values/0: there is no segment `ghost`",
            "/rules: the segments form a cycle: inner → beta → inner",
        ]
    );
    assert_eq!(
        shown(check_segment(&segment("other", &["beat"]), &others)),
        ["/rules/0/clauses/0/values/0: there is no segment `beat`; did you mean `beta`?"]
    );
    assert_eq!(
        shown(check_segment(&segment("inner", &["inner"]), &others)),
        ["/rules: the segments form a cycle: inner → inner"]
    );
    assert_eq!(
        shown(check_segment_removal("beta", &others)),
        ["the flag `f` uses the segment `beta`"]
    );
    assert_eq!(
        shown(check_segment_removal("inner", &others)),
        ["the segment `beta` uses the segment `inner`"]
    );
}

#[test]
fn parts_of_a_layer_do_not_overlap() {
    let part = |key: &str, layer: &str, from: u32, to: u32| {
        flag(
            key,
            &[],
            json!({"layer": {"layer": layer, "from": from, "to": to}}),
        )
    };
    let others = all(vec![part("a", "checkout", 0, 50_000)], vec![]);
    let check = |flag: Flag| shown(check_flag(&flag, &others));
    assert_eq!(check(part("b", "checkout", 50_000, 100_000)), [""; 0]);
    assert_eq!(check(part("b", "search", 0, 100_000)), [""; 0]);
    assert_eq!(check(part("a", "checkout", 0, 100_000)), [""; 0]);
    assert_eq!(
        check(part("b", "checkout", 49_999, 60_000)),
        ["/layer: the flag `a` has the buckets 0 to 50000 of the layer `checkout`"]
    );
}

/// Ten segments each need the ten of the next level: `levels` of them take up to 10^`levels` decisions.
fn levels(levels: usize) -> Vec<Segment> {
    let name = |level: usize, at: usize| format!("w{level}-{at}");
    let each = (0..levels).flat_map(|level| (0..10).map(move |at| (level, at)));
    each.map(|(level, at)| {
        let below: Vec<String> = match level + 1 < levels {
            true => (0..10).map(|at| name(level + 1, at)).collect(),
            false => Vec::new(),
        };
        segment(
            &name(level, at),
            &below.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    })
    .collect()
}

/// A flag with a rule on segments.
fn using(key: &str, segments: &[&str], more: Value) -> Flag {
    let clause = json!({"attribute": "key", "operator": "not_in_segment", "values": segments});
    let mut flag = flag(key, &[], more);
    let rules = json!([{"id": "r", "clauses": [clause], "variation": "on"}]);
    flag.rules = serde_json::from_value::<Flag>({
        let mut definition = serde_json::to_value(&flag).unwrap();
        definition["rules"] = rules;
        definition
    })
    .unwrap()
    .rules;
    flag
}

#[test]
fn decisions_about_segments_are_limited() {
    // 111 decisions for each of the first level.
    let all_of =
        |level: usize| -> Vec<String> { (0..10).map(|at| format!("w{level}-{at}")).collect() };
    let first = all_of(0);
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let repeated =
        |times: usize| -> Vec<&str> { first.iter().copied().cycle().take(times).collect() };
    let excess = |cost: usize| {
        format!("an evaluation may take {cost} decisions about segments; at most 10000 are allowed")
    };

    let others = all(vec![], levels(3));
    assert_eq!(
        shown(check_flag(&using("f", &repeated(90), json!({})), &others)),
        [""; 0]
    );
    let wide = using("f", &repeated(91), json!({}));
    assert_eq!(
        shown(check_flag(&wide, &others)),
        [format!("/rules: {}", excess(91 * 111))]
    );

    // A prerequisite counts as well, and so does a flag that needs the one that is written.
    let needed = using("a", &repeated(50), json!({}));
    let mut needing = using("b", &repeated(50), json!({}));
    needing.prerequisites = flag("b", &["a"], json!({})).prerequisites;
    let others = all(vec![flag("a", &[], json!({}))], levels(3));
    assert_eq!(shown(check_flag(&needing, &others)), [""; 0]);
    let others = all(vec![flag("a", &[], json!({})), needing.clone()], levels(3));
    assert_eq!(
        shown(check_flag(&needed, &others)),
        [format!(
            "/rules: the flag `b` would be too wide: {}",
            excess(11_100)
        )]
    );
    let others = all(vec![needed], levels(3));
    assert_eq!(
        shown(check_flag(&needing, &others)),
        [format!("/rules: {}", excess(11_100))]
    );

    // A segment may not widen a flag beyond the limit; it may narrow one that a store has.
    let mut segments = levels(2);
    segments.retain(|segment| segment.key.as_str() != "w0-0");
    segments.push(segment("w0-0", &[]));
    let narrow = using("f", &vec!["w0-0"; 1_000], json!({}));
    let others = all(vec![narrow.clone()], segments.clone());
    let below = all_of(1);
    let below: Vec<&str> = below.iter().map(String::as_str).collect();
    assert_eq!(
        shown(check_segment(&segment("w0-0", &below[..9]), &others)),
        [""; 0]
    );
    assert_eq!(
        shown(check_segment(&segment("w0-0", &below), &others)),
        [format!(
            "/rules: the flag `f` would be too wide: {}",
            excess(11_000)
        )]
    );
    let stored = all(vec![narrow], levels(3));
    assert_eq!(
        shown(check_segment(&segment("w0-0", &below), &stored)),
        [""; 0]
    );
    let faults = reference_faults(&stored);
    let faults: Vec<_> = faults
        .iter()
        .map(|(key, problems)| format!("{key}: {problems}"))
        .collect();
    assert_eq!(faults, [format!("f: /rules: {}", excess(111_000))]);
}

#[test]
fn a_flag_widens_no_other_beyond_the_steps_of_an_evaluation() {
    let keys = |prefix: &str, len: usize| -> Vec<String> {
        (0..len).map(|at| format!("{prefix}-{at}")).collect()
    };
    let needing = |key: &str, needs: &[String]| {
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        flag(key, &needs, json!({}))
    };
    // An evaluation of `top` takes 1 + 20 * (1 + 24 + 1 + len) steps.
    let middle = |len: usize| needing("middle", &keys("leaf", len));
    let stored = |len: usize| {
        let mut below = keys("leaf", 24);
        below.push("middle".to_owned());
        let leaves = keys("leaf", 50).into_iter().map(|key| needing(&key, &[]));
        let users = keys("user", 20)
            .into_iter()
            .map(|key| needing(&key, &below));
        let top = needing("top", &keys("user", 20));
        all(
            leaves.chain(users).chain([top, middle(len)]).collect(),
            vec![],
        )
    };
    let steps =
        |steps: usize| format!("the prerequisites take {steps} steps; at most 1000 are allowed");
    let excess = |of_top: usize| {
        format!(
            "/prerequisites: the flag `top` would be too wide: {}",
            steps(of_top)
        )
    };
    assert_eq!(shown(check_flag(&middle(23), &stored(22))), [""; 0]);
    assert_eq!(shown(check_flag(&middle(24), &stored(22))), [excess(1_001)]);

    // One that is too wide in the store may become narrower.
    let faults = reference_faults(&stored(30));
    let faults: Vec<_> = faults
        .iter()
        .map(|(key, its)| format!("{key}: {its}"))
        .collect();
    assert_eq!(faults, [format!("top: /prerequisites: {}", steps(1_121))]);
    assert_eq!(shown(check_flag(&middle(29), &stored(30))), [""; 0]);
    assert_eq!(shown(check_flag(&middle(31), &stored(30))), [excess(1_141)]);
}

#[test]
fn cycles_and_long_chains_of_stored_flags_are_reported() {
    let name = |number: usize| format!("c{number}");
    let chain = |len: usize| (0..len).map(|at| flag(&name(at), &[&name(at + 1)], json!({})));
    let faults = |flags: Vec<Flag>| -> Vec<String> {
        let faults = reference_faults(&all(flags, vec![]));
        faults
            .iter()
            .map(|(key, problems)| format!("{key}: {problems}"))
            .collect()
    };
    let fault = |key: usize| {
        let key = name(key);
        format!("{key}: /prerequisites: the prerequisites form a cycle or a chain of more than 10")
    };
    let end = |number: usize| flag(&name(number), &[], json!({}));
    assert_eq!(faults(chain(10).chain([end(10)]).collect()), [""; 0]);
    assert_eq!(faults(chain(11).chain([end(11)]).collect()), [fault(0)]);
    let cycle = [flag("c1", &["c0"], json!({}))];
    assert_eq!(
        faults(chain(1).chain(cycle).collect()),
        [fault(0), fault(1)]
    );
    assert_eq!(faults(chain(90).collect()).len(), 90 - 10);
    // Chains of more than 100 end the search, which then reports their ends as well.
    assert!(faults(chain(2_000).collect()).len() >= 2_000 - 10);
}

/// A store may have any chains and cycles; they are reported, and end.
#[test]
fn cycles_and_long_chains_of_stored_segments_are_reported() {
    let name = |number: usize| format!("c{number}");
    let chain = |len: usize| (0..len).map(|at| segment(&name(at), &[&name(at + 1)]));
    let faults = |segments: Vec<Segment>| -> Vec<String> {
        let stored = all(
            vec![
                using("f", &["c0"], json!({})),
                using("g", &["c5"], json!({})),
            ],
            segments,
        );
        let faults = reference_faults(&stored);
        faults
            .iter()
            .map(|(key, problems)| format!("{key}: {problems}"))
            .collect()
    };
    let fault =
        |key: &str| format!("{key}: /rules: the segments form a cycle or a chain of more than 10");
    assert_eq!(
        faults(chain(10).chain([segment("c10", &[])]).collect()),
        [""; 0]
    );
    assert_eq!(
        faults(chain(11).chain([segment("c11", &[])]).collect()),
        [fault("f")]
    );
    assert_eq!(
        faults(chain(8).chain([segment("c8", &["c6"])]).collect()),
        [fault("f"), fault("g")]
    );
    assert_eq!(faults(chain(100_000).collect()), [fault("f"), fault("g")]);
}

#[test]
fn flags_of_a_layer_share_what_has_the_bucket() {
    let part = |key: &str, from: u32, more: Value| {
        let mut definition =
            json!({"layer": {"layer": "checkout", "from": from, "to": from + 50_000}});
        definition
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        flag(key, &[], definition)
    };
    let a = part(
        "a",
        0,
        json!({"bucket_by": "company", "context_kind": "account"}),
    );
    let others = all(vec![a.clone()], vec![]);
    let check = |more: Value| shown(check_flag(&part("b", 50_000, more), &others));
    let same = "all flags of the layer `checkout` need the same";
    assert_eq!(
        check(json!({"bucket_by": "company", "context_kind": "account"})),
        [""; 0]
    );
    assert_eq!(
        check(json!({"context_kind": "account"})),
        [format!(
            "/bucket_by: {same} `bucket_by`, or they are not exclusive: here it is not set, in the flag `a` `company`"
        )]
    );
    assert_eq!(
        check(json!({"bucket_by": "company", "context_kind": "user"})),
        [format!(
            "/context_kind: {same} `context_kind`, or they are not exclusive: here it is `user`, in the flag `a` `account`"
        )]
    );
    let stored = all(vec![a, part("b", 50_000, json!({}))], vec![]);
    let faults = reference_faults(&stored);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].0.as_str(), "b");
    assert_eq!(faults[0].1.iter().count(), 2, "{faults:?}");
    let key = part("b", 50_000, json!({"bucket_by": "key"}));
    assert_eq!(
        shown(check_flag(
            &key,
            &all(vec![part("a", 0, json!({}))], vec![])
        )),
        [""; 0]
    );
}

/// A flag with changes at future times.
fn scheduled(key: &str, changes: &[Value]) -> Flag {
    let changes = changes.iter().enumerate().map(|(at, change)| {
        let mut change = change.clone();
        change["execute_at"] = json!(format!("203{at}-01-01T00:00:00Z"));
        change
    });
    flag(
        key,
        &[],
        json!({"scheduled_changes": changes.collect::<Vec<_>>()}),
    )
}

fn adds_rule_on(segment: &str) -> Value {
    let clause = json!({"attribute": "key", "operator": "in_segment", "values": [segment]});
    json!({"action": "add_rule", "payload": {"id": segment, "clauses": [clause], "variation": "on"}})
}

fn patches_needs(key: &str, variation: &str) -> Value {
    json!({"action": "patch", "payload": {"prerequisites": [{"flag_key": key, "variation": variation}]}})
}

#[test]
fn references_of_scheduled_changes_are_checked() {
    let others = all(
        vec![
            flag("search", &[], json!({})),
            flag("needs", &["f"], json!({})),
        ],
        vec![segment("beta", &[])],
    );
    let check = |changes: &[Value]| shown(check_flag(&scheduled("f", changes), &others));
    let invalid = "the flag would be invalid after this change:";
    assert_eq!(
        check(&[adds_rule_on("beta"), patches_needs("search", "on")]),
        [""; 0]
    );
    assert_eq!(
        check(&[adds_rule_on("ghost")]),
        [format!(
            "/scheduled_changes/0/payload: {invalid} /rules/0/clauses/0/values/0: there is no segment `ghost`"
        )]
    );
    assert_eq!(
        check(&[adds_rule_on("beta"), patches_needs("serch", "on")]),
        [format!(
            "/scheduled_changes/1/payload: {invalid} /prerequisites/0/flag_key: there is no flag `serch`; did you mean \
             `search`?"
        )]
    );
    assert_eq!(
        check(&[patches_needs("search", "of")]),
        [format!(
            "/scheduled_changes/0/payload: {invalid} /prerequisites/0/variation: the flag `search` has no variation \
             `of`; use one of `on`, `off`"
        )]
    );
    assert_eq!(
        check(&[patches_needs("needs", "on")]),
        [format!(
            "/scheduled_changes/0/payload: {invalid} /prerequisites: the prerequisites form a cycle: f → needs → f"
        )]
    );
    // A later change may take back what an earlier one adds.
    let gone = json!({"action": "delete_rule", "payload": {"rule_id": "ghost"}});
    assert_eq!(check(&[adds_rule_on("ghost"), gone]).len(), 1);
}

#[test]
fn what_only_a_scheduled_change_uses_is_in_use() {
    let pending = scheduled("f", &[adds_rule_on("beta"), patches_needs("search", "on")]);
    let others = all(
        vec![pending, flag("search", &[], json!({}))],
        vec![segment("beta", &[]), segment("free", &[])],
    );
    assert_eq!(
        shown(check_segment_removal("beta", &others)),
        ["the flag `f` uses the segment `beta` after a scheduled change"]
    );
    assert_eq!(
        shown(check_flag_removal("search", &others)),
        ["`search` is a prerequisite of the flag `f` after a scheduled change"]
    );
    assert_eq!(shown(check_segment_removal("free", &others)), [""; 0]);
    let renamed = json!({
        "variations": [{"name": "yes", "value": true}], "off_variation": "yes", "fallthrough": "yes",
    });
    assert_eq!(
        shown(check_flag(&flag("search", &[], renamed), &others)),
        ["/variations: the flag `f` requires the variation `on` after a scheduled change"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Flags that are written one after the other, each after its check, never form a cycle or a long chain.
    #[test]
    fn checked_graphs_have_no_cycle(writes in vec((0..14_usize, vec(0..14_usize, 0..3)), 0..40)) {
        let name = |number: usize| format!("f{number}");
        let mut flags: BTreeMap<FlagKey, Flag> =
            (0..14).map(|number| flag(&name(number), &[], json!({}))).map(|flag| (flag.key.clone(), flag)).collect();
        let mut refused = 0;
        for (number, mut needs) in writes {
            needs.sort_unstable();
            needs.dedup();
            let needs: Vec<String> = needs.into_iter().map(name).collect();
            let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
            let next = flag(&name(number), &needs, json!({}));
            let others = All(flags, BTreeMap::new());
            let fine = check_flag(&next, &others).is_ok();
            flags = others.0;
            match fine {
                true => drop(flags.insert(next.key.clone(), next)),
                false => refused += 1,
            }
        }
        let mut depth: BTreeMap<&str, usize> = BTreeMap::new();
        for _ in 0..=flags.len() {
            for flag in flags.values() {
                let needs = flag.prerequisites.iter().map(|needed| needed.flag_key.as_str());
                let below = needs.map(|key| depth.get(key).copied().unwrap_or(0) + 1).max();
                depth.insert(flag.key.as_str(), below.unwrap_or(0));
            }
        }
        prop_assert!(depth.values().all(|depth| *depth <= 10), "{depth:?} {refused}");
    }
}
