//! Definitions of flags, evaluation contexts, and imports.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::unwrap_used
)]

use std::sync::Arc;

use serde_json::{Value, json};
use waygate_core::{
    flag::{
        CompileOptions, CompiledFlag, CompiledSegment, Definitions, ErrorCode, EvaluationContext,
        Flag, FlagSet, FlagValue, Segment,
        exchange::{
            FlagDocument, FlagdOptions, Import, difference, from_flagd, from_python, plan, to_flagd,
        },
    },
    port::ManualClock,
};

// The tests include this file by its path as well, and its modules are beside it.
#[path = "ofrep.rs"]
mod ofrep;

pub use ofrep::ofrep;

/// The name of a target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets by name, which is also that of their folder of the corpus.
pub const TARGETS: [Target; 8] = [
    ("flag", flag),
    ("segment", segment),
    ("context", context),
    ("ofrep", ofrep),
    ("operands", operands),
    ("document", document),
    ("flagd", flagd),
    ("python", python),
];

/// The definition of a flag. Times are written in microseconds, so that written forms are compared.
pub fn flag(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    match Flag::parse(&value) {
        Ok(flag) => {
            let written = serde_json::to_value(&flag).unwrap();
            let again = Flag::parse(&written).unwrap();
            assert_eq!(
                serde_json::to_value(&again).unwrap(),
                written,
                "what is written is read back"
            );
            for change in &flag.scheduled_changes {
                let _ = flag.after(change);
            }
            evaluate(&[flag], &[]);
        }
        Err(problems) => {
            for problem in problems.iter() {
                let pointer = &*problem.pointer;
                let around = pointer.rsplit_once('/').map_or("", |(around, _)| around);
                // A missing member has no place, but the object around it.
                let place = value.pointer(pointer).or(value.pointer(around));
                assert!(place.is_some(), "no such place: {problem}");
            }
            assert!(!problems.is_empty());
        }
    }
    if let Ok(flag) = Flag::stored(&value) {
        evaluate(&[flag], &[]);
    }
}

/// The definition of a segment.
pub fn segment(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    if let Ok(segment) = Segment::parse(&value) {
        let written = serde_json::to_value(&segment).unwrap();
        let again = Segment::parse(&written).unwrap();
        assert_eq!(
            serde_json::to_value(&again).unwrap(),
            written,
            "what is written is read back"
        );
    }
    if let Ok(segment) = Segment::stored(&value) {
        evaluate(&[flag_of_all_operators()], &[segment]);
    }
}

/// An evaluation context.
pub fn context(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let Ok(context) = EvaluationContext::from_json(&value) else {
        return;
    };
    ofrep::assert_is_read_back(&context);
    let flag = flag_of_all_operators();
    for options in [CompileOptions::default(), CompileOptions::python()] {
        run(&set(std::slice::from_ref(&flag), &[], options), &context);
    }
}

/// Two strings, separated by a line break, as versions, times, numbers, addresses and patterns.
pub fn operands(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (actual, operand) = text.split_once('\n').unwrap_or((text, text));
    let holds = |operator: &str| {
        let clause = json!({"attribute": "a", "operator": operator, "values": [operand]});
        let flag = json!({
            "key": "f", "name": "f", "type": "boolean", "off_variation": "off", "fallthrough": "off",
            "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
            "rules": [{"id": "1", "clauses": [clause], "variation": "on"}],
        });
        let flag = Flag::stored(&flag).unwrap();
        let flags = set(&[flag], &[], CompileOptions::default());
        let context = EvaluationContext::new("u").with("a", actual);
        flags
            .evaluate("f", &context, &clock())
            .unwrap()
            .as_bool()
            .unwrap()
    };
    for [less, equal, greater, less_or_equal, greater_or_equal] in [
        [
            "semver_lt",
            "semver_eq",
            "semver_gt",
            "semver_lte",
            "semver_gte",
        ],
        ["lt", "eq", "gt", "lte", "gte"],
    ] {
        let [less, equal, greater] = [less, equal, greater].map(holds);
        let count = [less, equal, greater].iter().filter(|it| **it).count();
        assert!(count <= 1, "{actual:?} {operand:?}: at most one order");
        assert_eq!(
            less || equal,
            holds(less_or_equal),
            "{actual:?} {operand:?}"
        );
        assert_eq!(
            greater || equal,
            holds(greater_or_equal),
            "{actual:?} {operand:?}"
        );
    }
    assert!(
        !(holds("before") && holds("after")),
        "{actual:?} {operand:?}"
    );
    for operator in [
        "is",
        "contains",
        "starts_with",
        "ends_with",
        "in_cidr",
        "matches",
    ] {
        holds(operator);
    }
    if actual == operand {
        assert!(
            ["is", "contains", "starts_with", "ends_with"]
                .map(holds)
                .iter()
                .all(|it| *it)
        );
    }
}

/// A document of Waygate.
pub fn document(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    if let Ok(document) = FlagDocument::parse(&value) {
        let written = document.to_json();
        assert!(difference(&written, &written).is_empty());
        let again = FlagDocument::parse(&written).unwrap();
        assert_eq!(again.to_json(), written, "what is written is read back");
        planned(&document);
        let exported = to_flagd(&document);
        let import = from_flagd(&exported.document, FlagdOptions::new(clock_time()));
        for flag in &import.document.flags {
            assert!(document.flags.iter().any(|known| known.key == flag.key));
        }
    }
}

/// Definitions of flagd.
pub fn flagd(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let mut options = FlagdOptions::new(clock_time());
    imported(&from_flagd(&value, options));
    options.round_weights = true;
    let import = from_flagd(&value, options);
    imported(&import);
    let exported = to_flagd(&import.document);
    imported(&from_flagd(&exported.document, options));
}

/// Flags, or flags and segments, of Python Waygate.
pub fn python(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    match (value.get("flags"), value.get("segments")) {
        (None, None) => imported(&from_python(&value, &value)),
        (flags, segments) => {
            let list = |value: Option<&Value>| value.cloned().unwrap_or_default();
            imported(&from_python(&list(flags), &list(segments)));
        }
    }
}

/// Checks that what was translated is valid, and can be evaluated.
fn imported(import: &Import) {
    let written = import.document.to_json();
    let again = FlagDocument::parse(&written).unwrap();
    assert_eq!(again.to_json(), written);
    assert!(
        import
            .refused
            .iter()
            .all(|refusal| !refusal.message.is_empty())
    );
    planned(&import.document);
    evaluate(&import.document.flags, &import.document.segments);
}

struct Stored<'a>(&'a FlagDocument);

impl Definitions for Stored<'_> {
    fn flag(&self, key: &str) -> Option<&Flag> {
        self.0.flags.iter().find(|flag| flag.key.as_str() == key)
    }

    fn segment(&self, key: &str) -> Option<&Segment> {
        self.0
            .segments
            .iter()
            .find(|segment| segment.key.as_str() == key)
    }

    fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> {
        Box::new(self.0.flags.iter())
    }

    fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> {
        Box::new(self.0.segments.iter())
    }
}

fn planned(document: &FlagDocument) {
    let none = FlagDocument::default();
    if let Ok(first) = plan(document.clone(), &Stored(&none)) {
        assert_eq!(first.flags.len(), document.flags.len());
        let again = plan(document.clone(), &Stored(document)).unwrap();
        assert!(again.is_empty(), "an import of the same changes nothing");
    }
}

fn evaluate(flags: &[Flag], segments: &[Segment]) {
    let contexts = [
        EvaluationContext::anonymous(),
        EvaluationContext::new("user-1")
            .with("a", "x")
            .with("plan", "pro")
            .with("version", "1.2.3"),
        EvaluationContext::new("")
            .with("a", json!(["x", 1, null, {"b": [true]}]))
            .with("seats", 5),
    ];
    for options in [CompileOptions::default(), CompileOptions::python()] {
        let flags = set(flags, segments, options);
        contexts.iter().for_each(|context| run(&flags, context));
    }
}

fn run(flags: &FlagSet, context: &EvaluationContext) {
    let clock = clock();
    for flag in flags.flags() {
        let key = flag.definition().key.as_str();
        let resolution = flags.evaluate(key, context, &clock).unwrap();
        let explained = flags.explain(key, context, &clock).unwrap().resolution;
        assert_eq!(resolution.variation(), explained.variation());
        assert_eq!(resolution.reason(), explained.reason());
        let values = [
            resolution.as_bool().map(|_| ()),
            resolution.as_i64().map(|_| ()),
            resolution.as_f64().map(|_| ()),
            resolution.as_str().map(|_| ()),
            resolution.as_json().map(|_| ()),
        ];
        if resolution.error().is_some() || matches!(resolution.value(), FlagValue::Null) {
            assert!(values.iter().all(Result::is_err));
        }
        assert!(
            values
                .iter()
                .all(|value| *value != Err(ErrorCode::FlagNotFound))
        );
    }
}

fn set(flags: &[Flag], segments: &[Segment], options: CompileOptions) -> FlagSet {
    let mut set = FlagSet::new();
    for flag in flags {
        let (flag, _) = CompiledFlag::compile(Arc::new(flag.clone()), options);
        set.insert_flag(Arc::new(flag));
    }
    for segment in segments {
        let (segment, _) = CompiledSegment::compile(Arc::new(segment.clone()), options);
        set.insert_segment(Arc::new(segment));
    }
    set
}

/// A flag that compares the attribute `a` in every way.
fn flag_of_all_operators() -> Flag {
    use waygate_core::flag::Operator;
    let operators = Operator::ALL.iter().enumerate();
    let rules: Vec<Value> = operators
        .map(|(at, operator)| {
            let values = json!(["x", "1.2.3", "2030-01-01", "10.0.0.0/8", 5, 0.5, true, null, [1]]);
            let clause = json!({"attribute": "a", "operator": operator, "values": values, "ignore_case": at % 2 == 0});
            json!({"id": at.to_string(), "clauses": [clause, clause], "variation": "on"})
        })
        .collect();
    let flag = json!({
        "key": "f", "name": "f", "type": "boolean", "off_variation": "off", "rules": rules,
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
    });
    Flag::stored(&flag).unwrap()
}

fn clock() -> ManualClock {
    ManualClock::at(clock_time())
}

fn clock_time() -> waygate_core::Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}
