//! The checks look keys up in an index. They find the same as a plain search through all definitions.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};
use waygate_core::flag::{
    Checks, Definitions, Flag, Problem, ProblemCode, Problems, Segment, check_flag,
    check_flag_removal, check_segment, reference_faults,
};

#[derive(Default)]
struct All {
    flags: BTreeMap<String, Flag>,
    segments: BTreeMap<String, Segment>,
    /// How often all flags were read.
    scans: Cell<usize>,
}

impl All {
    fn new(flags: impl IntoIterator<Item = Flag>) -> Self {
        let segments = [segment("one", &[]), segment("big", &["one"; 800])];
        let flags = flags.into_iter();
        let segments = segments.into_iter();
        Self {
            flags: flags.map(|flag| (flag.key.to_string(), flag)).collect(),
            segments: segments.map(|it| (it.key.to_string(), it)).collect(),
            scans: Cell::default(),
        }
    }
}

impl Definitions for All {
    fn flag(&self, key: &str) -> Option<&Flag> {
        self.flags.get(key)
    }

    fn segment(&self, key: &str) -> Option<&Segment> {
        self.segments.get(key)
    }

    fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> {
        self.scans.set(self.scans.get() + 1);
        Box::new(self.flags.values())
    }

    fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> {
        Box::new(self.segments.values())
    }
}

fn segment(key: &str, needs: &[&str]) -> Segment {
    let clause = json!({"attribute": "key", "operator": "in_segment", "values": needs});
    let rules = match needs {
        [] => json!([]),
        _ => json!([{"clauses": [clause]}]),
    };
    Segment::parse(&json!({"key": key, "name": "S", "rules": rules})).unwrap()
}

/// A flag: the distances to the flags that it needs, now and after a scheduled change, whether its variation is renamed,
/// how many rules it has, each with five times 801 decisions, its part of a layer, and its attribute.
#[derive(Debug, Clone)]
struct Spec {
    needs: Vec<usize>,
    later: Option<Vec<usize>>,
    renamed: bool,
    uses: usize,
    part: Option<(u32, u32)>,
    bucket_by: Option<&'static str>,
}

const FLAGS: usize = 14;

fn spec() -> impl Strategy<Value = Spec> {
    let needs = || vec(1..5_usize, 0..3);
    let part = option::weighted(0.3, (0..20_u32, 1..6_u32));
    let attribute = proptest::sample::select(vec![None, None, None, Some("key"), Some("company")]);
    (
        needs(),
        option::weighted(0.2, needs()),
        prop::bool::weighted(0.1),
        0..3_usize,
        part,
        attribute,
    )
        .prop_map(|(needs, later, renamed, uses, part, bucket_by)| Spec {
            needs,
            later,
            renamed,
            uses,
            part,
            bucket_by,
        })
}

impl Spec {
    fn flag(&self, number: usize) -> Flag {
        let prerequisites = |distances: &[usize]| -> Vec<Value> {
            let keys: BTreeSet<usize> = distances.iter().map(|it| (number + it) % FLAGS).collect();
            let each = keys.into_iter();
            each.map(|key| json!({"flag_key": format!("f{key}"), "variation": "on"}))
                .collect()
        };
        let first = if self.renamed { "yes" } else { "on" };
        let clause =
            json!({"attribute": "key", "operator": "in_segment", "values": vec!["big"; 5]});
        let rules = (0..self.uses).map(|_| json!({"clauses": [clause], "variation": first}));
        let later = self.later.iter().map(|needs| {
            let payload = json!({"prerequisites": prerequisites(needs)});
            json!({"execute_at": "2030-01-01T00:00:00Z", "action": "patch", "payload": payload})
        });
        let layer = self
            .part
            .map(|(from, len)| json!({"layer": "l", "from": from, "to": from + len}));
        Flag::parse(&json!({
            "key": format!("f{number}"), "name": "F", "type": "boolean", "off_variation": first, "fallthrough": first,
            "variations": [{"name": first, "value": true}], "prerequisites": prerequisites(&self.needs),
            "rules": rules.collect::<Vec<_>>(), "scheduled_changes": later.collect::<Vec<_>>(), "layer": layer,
            "bucket_by": self.bucket_by,
        }))
        .unwrap()
    }
}

/// Searches through all definitions for each question.
struct Plain<'a> {
    flags: Vec<&'a Flag>,
    /// The decisions of the segment.
    big: u64,
}

impl<'a> Plain<'a> {
    fn flag(&self, key: &str) -> Option<&'a Flag> {
        self.flags
            .iter()
            .copied()
            .find(|flag| flag.key.as_str() == key)
    }

    /// The definitions after a flag is written.
    fn with(&self, written: &'a Flag) -> Self {
        let others = self
            .flags
            .iter()
            .copied()
            .filter(|flag| flag.key != written.key);
        Self {
            flags: others.chain([written]).collect(),
            big: self.big,
        }
    }

    fn users(&self, key: &str) -> Vec<&'a str> {
        let users = self.flags.iter().filter(|flag| needs(flag).contains(&key));
        users.map(|flag| flag.key.as_str()).collect()
    }

    fn chain(&self, start: &str, next: &dyn Fn(&str) -> Vec<&'a str>) -> usize {
        let mut level = BTreeSet::from([start.to_owned()]);
        for height in 0..=10 {
            level = level
                .iter()
                .flat_map(|key| next(key))
                .map(str::to_owned)
                .collect();
            if level.is_empty() {
                return height;
            }
        }
        11
    }

    fn below(&self, key: &str) -> usize {
        self.chain(key, &|key| self.flag(key).map(needs).unwrap_or_default())
    }

    /// The steps and the decisions of an evaluation without cycles.
    fn cost(&self, key: &str) -> (u64, u64) {
        let Some(flag) = self.flag(key) else {
            return (1, 0);
        };
        let own = (1, flag.rules.len() as u64 * 5 * self.big);
        let below = needs(flag).into_iter().map(|key| self.cost(key));
        below.fold(own, |(steps, sum), (its, cost)| (steps + its, sum + cost))
    }

    fn too_wide(&self, before: &Self, own: Option<&str>) -> Vec<String> {
        let mut found = Vec::new();
        let keys: BTreeSet<&str> = self.flags.iter().map(|flag| flag.key.as_str()).collect();
        for key in keys {
            let (cost, known) = (self.cost(key).1, before.cost(key).1);
            let excess = format!(
                "an evaluation may take {cost} decisions about segments; at most 10000 are allowed"
            );
            match cost > 10_000 {
                true if own == Some(key) => found.push(format!("/rules: {excess}")),
                true if known < cost => found.push(format!(
                    "/rules: the flag `{key}` would be too wide: {excess}"
                )),
                _ => {}
            }
        }
        found
    }

    fn is_sound(&self) -> bool {
        self.flags
            .iter()
            .all(|flag| self.below(flag.key.as_str()) <= 10)
    }
}

fn needs(flag: &Flag) -> Vec<&str> {
    flag.prerequisites
        .iter()
        .map(|needed| needed.flag_key.as_str())
        .collect()
}

/// Returns the flag now, and after its scheduled change.
fn states(flag: &Flag) -> Vec<(Flag, &'static str)> {
    let later = flag
        .scheduled_changes
        .iter()
        .filter_map(|change| flag.after(change).ok());
    let later = later.map(|flag| (flag, " after a scheduled change"));
    [(flag.clone(), "")].into_iter().chain(later).collect()
}

fn in_use(flag: &Flag, others: &All) -> Vec<String> {
    let others = others.flags.values().filter(|other| other.key != flag.key);
    let used = others.filter_map(|other| {
        let states = states(other).into_iter();
        let mut lacking = states.filter(|(state, _)| needs(state).contains(&flag.key.as_str()));
        let (_, when) = lacking.next().filter(|_| flag.variation("on").is_none())?;
        Some(format!(
            "/variations: the flag `{}` requires the variation `on`{when}",
            other.key
        ))
    });
    used.collect()
}

fn removal(key: &str, others: &All) -> Vec<String> {
    let others = others
        .flags
        .values()
        .filter(|other| other.key.as_str() != key);
    let used = others.filter_map(|other| {
        let mut states = states(other).into_iter();
        let (_, when) = states.find(|(state, _)| needs(state).contains(&key))?;
        Some(format!(
            "`{key}` is a prerequisite of the flag `{}`{when}",
            other.key
        ))
    });
    used.collect()
}

/// Returns the problems with another flag of a layer: the place, and the message.
fn pair(flag: &Flag, other: &Flag) -> Vec<(&'static str, String)> {
    let (Some(own), Some(its)) = (&flag.layer, &other.layer) else {
        return Vec::new();
    };
    let attribute = |flag: &Flag| flag.bucket_by.clone().filter(|name| name != "key");
    let shown =
        |name: Option<String>| name.map_or("not set".to_owned(), |name| format!("`{name}`"));
    let mut found = Vec::new();
    if own.from < its.to && its.from < own.to {
        let message = format!(
            "the flag `{}` has the buckets {} to {} of the layer `l`",
            other.key, its.from, its.to
        );
        found.push(("/layer", message));
    }
    let (mine, theirs) = (attribute(flag), attribute(other));
    if mine != theirs {
        let message = format!(
            "all flags of the layer `l` need the same `bucket_by`, or they are not exclusive: here it is {}, in the flag \
             `{}` {}",
            shown(mine),
            other.key,
            shown(theirs),
        );
        found.push(("/bucket_by", message));
    }
    found
}

fn of_layers(problem: &Problem) -> Option<(&'static str, String)> {
    let place = ["/layer", "/bucket_by"]
        .into_iter()
        .find(|place| *place == problem.pointer)?;
    Some((place, problem.message.clone()))
}

fn is_part(some: &[(&str, String)], all: &[(&str, String)]) -> bool {
    let mut all = all.iter();
    some.iter().all(|one| all.any(|other| one == other))
}

fn kinds<'a>(found: &[(&'a str, String)]) -> BTreeSet<&'a str> {
    found.iter().map(|(place, _)| *place).collect()
}

fn shown(problems: &Result<(), Problems>, at: &str) -> Vec<String> {
    let problems = problems.as_ref().err().into_iter().flat_map(Problems::iter);
    problems
        .filter(|it| it.pointer == at)
        .map(ToString::to_string)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_written_flag_has_the_problems_of_a_plain_search(
        stored in vec(spec(), 12), number in 0..13_usize, written in spec(),
    ) {
        let stored = All::new(stored.iter().enumerate().map(|(number, spec)| spec.flag(number)));
        let plain = Plain { flags: stored.flags.values().collect(), big: 801 };
        let flag = Spec { later: None, ..written }.flag(number);
        let key = flag.key.as_str();
        let result = check_flag(&flag, &stored);
        prop_assert_eq!(shown(&result, "/variations"), in_use(&flag, &stored));
        prop_assert_eq!(shown(&check_flag_removal(key, &stored), ""), removal(key, &stored));

        let problems: Vec<&Problem> = result.as_ref().err().into_iter().flat_map(Problems::iter).collect();
        let found: Vec<_> = problems.iter().filter_map(|it| of_layers(it)).collect();
        let others = stored.flags.values().filter(|other| other.key != flag.key);
        let all: Vec<_> = others.flat_map(|other| pair(&flag, other)).collect();
        prop_assert!(is_part(&found, &all), "{:?} {:?}", found, all);
        prop_assert_eq!(kinds(&found), kinds(&all));

        let after = plain.with(&flag);
        let depth = after.below(key);
        let widens = |it: &&Flag| {
            let key = it.key.as_str();
            after.cost(key).0 > 1_000 && after.cost(key).0 > plain.cost(key).0
        };
        let too_deep = depth > 10
            || depth + plain.chain(key, &|key| plain.users(key)) > 10
            || after.cost(key).0 > 1_000
            || plain.is_sound() && after.is_sound() && after.flags.iter().any(widens);
        let tangled = [ProblemCode::Cycle, ProblemCode::TooDeep];
        let is_tangled = |it: &&Problem| it.pointer == "/prerequisites" && tangled.contains(&it.code);
        prop_assert_eq!(problems.iter().copied().any(|it| is_tangled(&it)), too_deep);
        if !too_deep && plain.is_sound() && after.is_sound() {
            prop_assert_eq!(shown(&result, "/rules"), after.too_wide(&plain, Some(key)));
        }
    }

    #[test]
    fn a_written_segment_and_reports_have_the_problems_of_a_plain_search(
        stored in vec(spec(), 12), size in 0..10_usize,
    ) {
        let stored = All::new(stored.iter().enumerate().map(|(number, spec)| spec.flag(number)));
        let plain = Plain { flags: stored.flags.values().collect(), big: 801 };
        let faults: BTreeMap<String, Problems> =
            reference_faults(&stored).into_iter().map(|(key, its)| (key.to_string(), its)).collect();
        for (at, flag) in plain.flags.iter().enumerate() {
            let problems = faults.get(flag.key.as_str()).into_iter().flat_map(Problems::iter);
            let found: Vec<_> = problems.filter_map(of_layers).collect();
            let others = plain.flags.iter().enumerate().filter(|(other, _)| *other != at);
            let all = others.flat_map(|(other, its)| {
                pair(flag, its).into_iter().filter(move |(place, _)| *place == "/layer" || other < at)
            });
            let all: Vec<_> = all.collect();
            prop_assert!(is_part(&found, &all), "{:?} {:?}", found, all);
            prop_assert_eq!(kinds(&found), kinds(&all));
        }
        if plain.is_sound() {
            let next = segment("big", &vec!["one"; size * 100]);
            let after = Plain { flags: plain.flags.clone(), big: size as u64 * 100 + 1 };
            prop_assert_eq!(shown(&check_segment(&next, &stored), "/rules"), after.too_wide(&plain, None));
            for flag in &plain.flags {
                let its = faults.get(flag.key.as_str()).into_iter().flat_map(Problems::iter);
                let excess = its.filter(|it| it.code == ProblemCode::TooDeep).count();
                let (steps, cost) = plain.cost(flag.key.as_str());
                prop_assert_eq!(excess, usize::from(steps > 1_000) + usize::from(cost > 10_000));
            }
        }
    }
}

/// One search for each of many users takes a time that grows with the square of their number.
#[test]
fn a_flag_that_many_need_is_checked_in_one_search() {
    let spec = Spec {
        needs: Vec::new(),
        later: None,
        renamed: false,
        uses: 1,
        part: None,
        bucket_by: None,
    };
    let user = spec.flag(FLAGS);
    let users = (0..200).map(|number| {
        let mut user = user.clone();
        user.key = format!("user-{number}").parse().unwrap();
        user.prerequisites = Spec {
            needs: vec![1],
            ..spec.clone()
        }
        .flag(FLAGS - 1)
        .prerequisites;
        user
    });
    let hub = spec.flag(0);
    let stored = All::new(users.chain([hub.clone()]));
    assert_eq!(stored.flags["user-0"].prerequisites[0].flag_key, hub.key);
    let wider = Spec { uses: 3, ..spec }.flag(0);
    let problems = check_flag(&wider, &stored).unwrap_err();
    assert_eq!(
        problems.iter().count(),
        100,
        "the flag, and those that need it"
    );
    assert_eq!(stored.scans.get(), 1);

    // Many flags are checked in one search as well.
    let checks = Checks::of(&stored);
    for flag in stored.flags.values() {
        checks.flag(flag).unwrap();
    }
    assert_eq!(stored.scans.get(), 2);
}
