//! References between definitions.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use waygate_core::flag::{
    Definitions, Flag, FlagKey, Problems, Segment, SegmentKey, check_flag, check_flag_removal,
    check_segment, check_segment_removal,
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
fn prerequisites_exist_and_form_no_circle() {
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
        ["/prerequisites: the prerequisites form a circle: b → a → b"]
    );
    assert_eq!(
        check(flag("c", &["c"], json!({}))),
        ["/prerequisites: the prerequisites form a circle: c → c"]
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
fn segments_exist_and_form_no_circle() {
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
            "/rules: the segments form a circle: inner → beta → inner",
        ]
    );
    assert_eq!(
        shown(check_segment(&segment("inner", &["inner"]), &others)),
        ["/rules: the segments form a circle: inner → inner"]
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Flags that are written one after the other, each after its check, never form a circle or a long chain.
    #[test]
    fn checked_graphs_have_no_circle(writes in vec((0..14_usize, vec(0..14_usize, 0..3)), 0..40)) {
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
