use serde_json::{Value, json};
use waygate_core::flag::{CompileOptions, ErrorCode, EvaluationContext, Flag, Segment};

use super::{clock, flag_of_all_operators, run, set};

/// The documented bounds of a context.
const MAX: Size = Size {
    values: 2_000,
    bytes: 64 * 1024,
    levels: 16,
};

/// The body of a request of OFREP, for one flag or for all of them.
pub fn ofrep(bytes: &[u8]) {
    let sent = serde_json::from_slice::<Value>(bytes);
    let size = sent
        .as_ref()
        .map_or(Size::default(), |body| Size::of(&body["context"]));
    match EvaluationContext::from_ofrep_body(bytes) {
        Ok(context) => {
            assert!(size.within(MAX), "{size:?}");
            assert_is_read_back(&context);
            evaluate(&context);
        }
        Err((ErrorCode::ParseError, details)) => {
            assert!(!details.is_empty());
            assert!(!sent.is_ok_and(|body| body.is_object()), "{details}");
        }
        Err((code, details)) => {
            assert_eq!(code, ErrorCode::InvalidContext, "{details}");
            let is_bound = ["more than", "deeper"]
                .iter()
                .any(|it| details.contains(it));
            // The name of a kind is part of other messages.
            assert!(!is_bound || !size.within(MAX) || details.contains('`'));
            assert!(size.within(MAX) || is_bound, "{size:?} {details}");
        }
    }
}

/// The written form has members that the client has not sent, so it may exceed the bounds where the sent one does not.
pub(super) fn assert_is_read_back(context: &EvaluationContext) {
    let written = context.to_json();
    if Size::of(&written).within(MAX) {
        let again = EvaluationContext::from_json(&written).unwrap();
        assert_eq!(again, *context, "what is written is read back: {written}");
    }
}

/// Evaluates flags of all types as a call for one flag does (which counts), and as one for all flags does.
fn evaluate(context: &EvaluationContext) {
    let segment = json!({
        "key": "s", "name": "s", "included": ["user-1"],
        "rules": [{"id": "1", "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro"]}]}],
    });
    let segments = [Segment::stored(&segment).unwrap()];
    let mut flags = vec![flag_of_all_operators()];
    flags.extend(flags_of_all_types());
    for options in [CompileOptions::default(), CompileOptions::python()] {
        let flags = set(&flags, &segments, options);
        run(&flags, context);
        for flag in flags.flags() {
            let single = flags.evaluate_flag(flag, context, &clock());
            let bulk = flags.preview_flag(flag, context, &clock());
            assert_eq!(single.variation(), bulk.variation());
            assert_eq!(single.reason(), bulk.reason());
            assert_eq!(single.value(), bulk.value());
        }
    }
}

/// Flags with targets, prerequisites, segments and rollouts by attributes that requests have.
fn flags_of_all_types() -> impl Iterator<Item = Flag> {
    [
        ("boolean", json!(true), json!(false)),
        ("string", json!("x"), json!("")),
        ("integer", json!(i64::MAX), json!(-1)),
        ("float", json!(0.5), json!(1)),
        ("json", json!({"a": [1]}), json!([])),
    ]
    .into_iter()
    .map(|(kind, on, off)| {
        let clause = |attribute: &str, operator: &str, values: Value| {
            json!([{"attribute": attribute, "operator": operator, "values": values}])
        };
        let halves = json!([{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]);
        let flag = json!({
            "key": kind, "name": kind, "type": kind, "off_variation": "off",
            "variations": [{"name": "on", "value": on}, {"name": "off", "value": off}],
            "prerequisites": [{"flag_key": "f", "variation": "on"}],
            "targets": {"on": ["user-1"]},
            "rules": [
                {"id": "1", "clauses": clause("key", "in_segment", json!(["s"])), "variation": "on"},
                {"id": "2", "clauses": clause("/nested/a/b/0", "gt", json!([1])), "rollout": halves, "bucket_by": "plan"},
                {"id": "3", "clauses": clause("kind", "in", json!(["user"])), "rollout": halves, "bucket_by": "/a/0"},
            ],
            "fallthrough": halves, "layer": {"layer": "l", "from": 0, "to": 50_000},
            "holdout": {"name": "h", "weight": 1_000},
        });
        Flag::stored(&flag).unwrap()
    })
}

/// The size of a JSON value.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    values: usize,
    bytes: usize,
    levels: usize,
}

impl Size {
    fn of(value: &Value) -> Self {
        match value {
            Value::String(string) => Self {
                bytes: string.len(),
                ..Self::default()
            },
            Value::Array(elements) => Self::around(elements.iter().map(|it| (0, it))),
            Value::Object(members) => {
                Self::around(members.iter().map(|(name, it)| (name.len(), it)))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::default(),
        }
    }

    fn around<'a>(items: impl Iterator<Item = (usize, &'a Value)>) -> Self {
        let below = items.fold(Self::default(), |sum, (name, item)| {
            let item = Self::of(item);
            Self {
                values: sum.values + 1 + item.values,
                bytes: sum.bytes + name + item.bytes,
                levels: sum.levels.max(item.levels),
            }
        });
        Self {
            levels: below.levels + 1,
            ..below
        }
    }

    fn within(self, most: Self) -> bool {
        self.values <= most.values && self.bytes <= most.bytes && self.levels <= most.levels
    }
}
