use serde_json::{Map, Value};

use super::{
    import::{Import, Refusal},
    note::ImportNote,
};
use crate::flag::{
    hash::{HashAlgorithm, TOTAL},
    model::{Flag, Operator, Segment},
    place::Place,
    problem::{Problem, Problems},
};

/// Translates the flags and segments of a Python Waygate, as `GET /api/flags` and `GET /api/segments` return them (wire
/// contract, sections 4.7 and 4.8). Rollouts have the hash `waygate-py-sha1`, so that no context changes its variation.
///
/// Adapted without a change of results: weights that do not sum to 100,000, of which the last part takes the rest; values
/// after the first of an order, which Python does not read; names of attributes that start with `/`. Definitions that are
/// invalid here are refused, such as patterns with look-around.
///
/// Operators have the meaning of this crate, which differs for lists, booleans beside numbers, times in other forms than
/// RFC 3339, and versions beyond Semantic Versioning; an engine with [`CompileOptions::python`] has Python's.
///
/// [`CompileOptions::python`]: crate::flag::CompileOptions::python
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{HashAlgorithm, exchange::from_python};
///
/// let flags = json!([{
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}], "off_variation": "off",
///     "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
/// }]);
/// let import = from_python(&flags, &json!([]));
/// assert_eq!(import.document.flags[0].hash, Some(HashAlgorithm::WaygatePySha1));
/// ```
pub fn from_python(flags: &Value, segments: &Value) -> Import {
    let mut import = Import::default();
    for (at, segment) in list(segments, "/segments", &mut import) {
        let place = Place::Index(&Place::Member(&Place::Root, "segments"), at).to_string();
        let mut adapted = Adapted::new(segment, place, &mut import.notes);
        adapted.rules();
        let (definition, place) = (adapted.definition, adapted.place);
        match Segment::parse(&definition) {
            Ok(segment) => import.add_segment(segment, &place),
            Err(problems) => refuse(&definition, &place, problems, &mut import.refused),
        }
    }
    for (at, flag) in list(flags, "/flags", &mut import) {
        let place = Place::Index(&Place::Member(&Place::Root, "flags"), at).to_string();
        let mut adapted = Adapted::new(flag, place, &mut import.notes);
        adapted.rules();
        adapted.rollouts();
        let (definition, place) = (adapted.definition, adapted.place);
        match Flag::parse(&definition) {
            Ok(mut flag) => {
                flag.hash = Some(HashAlgorithm::WaygatePySha1);
                import.add_flag(flag, &place);
            }
            Err(problems) => refuse(&definition, &place, problems, &mut import.refused),
        }
    }
    import
}

fn list<'a>(
    value: &'a Value,
    pointer: &str,
    import: &mut Import,
) -> impl Iterator<Item = (usize, &'a Value)> + use<'a> {
    let items = match value {
        Value::Array(items) => &**items,
        Value::Null => &[],
        _ => {
            import.refused.push(Refusal {
                key: String::new(),
                pointer: pointer.to_owned(),
                operator: None,
                message: "expected a list, as the API returns it".to_owned(),
            });
            &[]
        }
    };
    items.iter().enumerate()
}

fn refuse(definition: &Value, place: &str, problems: Problems, refused: &mut Vec<Refusal>) {
    let refusal = |problem: Problem| Refusal {
        key: key(definition),
        operator: operator(definition, &problem.pointer),
        pointer: format!("{place}{}", problem.pointer),
        message: problem.message,
    };
    refused.extend(problems.into_iter().map(refusal));
}

fn key(definition: &Value) -> String {
    let key = definition.get("key").and_then(Value::as_str);
    key.unwrap_or_default().to_owned()
}

/// Returns the operator of the clause around a place.
fn operator(definition: &Value, pointer: &str) -> Option<String> {
    let clause = pointer.find("/values")?;
    let clause = definition.pointer(pointer.get(..clause)?)?;
    clause.get("operator")?.as_str().map(str::to_owned)
}

/// A definition that is being adapted.
struct Adapted<'n> {
    definition: Value,
    place: String,
    notes: &'n mut Vec<ImportNote>,
}

impl<'n> Adapted<'n> {
    fn new(definition: &Value, place: String, notes: &'n mut Vec<ImportNote>) -> Self {
        Self {
            definition: definition.clone(),
            place,
            notes,
        }
    }

    /// Adapts the clauses of all rules.
    fn rules(&mut self) {
        let mut changed = Vec::new();
        let rules = self
            .definition
            .get_mut("rules")
            .and_then(Value::as_array_mut);
        for (rule_at, rule) in rules.into_iter().flatten().enumerate() {
            let clauses = rule.get_mut("clauses").and_then(Value::as_array_mut);
            for (at, clause) in clauses.into_iter().flatten().enumerate() {
                if let Value::Object(clause) = clause {
                    let message = self::clause(clause);
                    let place = || format!("/rules/{rule_at}/clauses/{at}");
                    changed.extend(message.map(|message| (place(), message)));
                }
            }
        }
        for (pointer, message) in changed {
            self.note(&pointer, message);
        }
    }

    /// Adapts the weights of the fallthrough and of all rules.
    fn rollouts(&mut self) {
        let rules = self.definition.get("rules").and_then(Value::as_array);
        let rules = (0..rules.map_or(0, Vec::len)).map(|at| format!("/rules/{at}/rollout"));
        let places: Vec<String> = rules.chain(["/fallthrough".to_owned()]).collect();
        for pointer in places {
            let parts = self.definition.pointer_mut(&pointer);
            if let Some(Value::Array(parts)) = parts
                && let Some(sum) = whole(parts)
            {
                let message = format!(
                    "the weights summed to {sum}; the last part takes the rest, as in Python"
                );
                self.note(&pointer, message);
            }
        }
    }

    fn note(&mut self, pointer: &str, message: impl Into<String>) {
        self.notes.push(ImportNote {
            key: key(&self.definition),
            pointer: format!("{}{pointer}", self.place),
            message: message.into(),
        });
    }
}

/// Adapts a clause. Returns what is lost without a difference.
fn clause(clause: &mut Map<String, Value>) -> Option<String> {
    if let Some(Value::String(name)) = clause.get_mut("attribute")
        && name.starts_with('/')
    {
        // A name, not a reference.
        *name = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    }
    let operator: Operator = clause.get("operator")?.as_str()?.parse().ok()?;
    let reads_first = matches!(
        operator,
        Operator::Gt
            | Operator::Gte
            | Operator::Lt
            | Operator::Lte
            | Operator::Before
            | Operator::After
            | Operator::SemverEq
            | Operator::SemverLt
            | Operator::SemverGt
    );
    let values = clause.get_mut("values")?.as_array_mut()?;
    if !reads_first || values.len() <= 1 {
        return None;
    }
    values.truncate(1);
    Some(format!(
        "`{operator}` of Python reads the first value; the others are left out"
    ))
}

/// Makes weights sum to 100,000 as Python reads them: what is beyond is out of reach, and the last part takes the rest.
/// Returns the former sum if it differs.
fn whole(parts: &mut [Value]) -> Option<u64> {
    let weight = |part: &Value| part.get("weight").and_then(Value::as_u64);
    let weights: Option<Vec<u64>> = parts.iter().map(weight).collect();
    let weights = weights.filter(|weights| !weights.is_empty())?;
    let all = u64::from(TOTAL);
    let sum: u64 = weights
        .iter()
        .fold(0, |sum, weight| sum.saturating_add(*weight));
    if sum == all {
        return None;
    }
    let mut rest = all;
    let last = parts.len() - 1;
    for (at, part) in parts.iter_mut().enumerate() {
        let weight = weights.get(at).copied().unwrap_or(0).min(rest);
        let weight = if at == last { rest } else { weight };
        rest -= weight;
        if let Some(member) = part.get_mut("weight") {
            *member = weight.into();
        }
    }
    Some(sum)
}
