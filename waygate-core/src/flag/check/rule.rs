use serde_json::Value;

use super::{
    rollout::{Names, rollout},
    text::{count, distinct, line, prose},
};
use crate::flag::{
    model::{Clause, Flag, Operator, Rule},
    place::Place,
    problem::{ProblemCode, Problems},
};

pub(super) fn rules(flag: &Flag, names: &Names<'_>, problems: &mut Problems) {
    let list = Place::Member(&Place::Root, "rules");
    count(flag.rules.len(), 500, "rules", list, problems);
    distinct(
        flag.rules.iter().map(|rule| &*rule.id),
        &list,
        "id",
        problems,
    );
    for (at, rule) in flag.rules.iter().enumerate() {
        self::rule(rule, names, &Place::Index(&list, at), problems);
    }
}

fn rule(rule: &Rule, names: &Names<'_>, place: &Place<'_>, problems: &mut Problems) {
    let member = |name| Place::Member(place, name);
    line(&rule.id, 1, 128, member("id"), problems);
    prose(&rule.description, 2_000, member("description"), problems);
    if let Some(name) = &rule.variation {
        names.check(name, member("variation"), problems);
    }
    if let Some(split) = &rule.rollout {
        match rule.variation {
            Some(_) => {
                let message = "use `variation` or `rollout`; the variation would be served to all";
                problems.add(member("rollout"), ProblemCode::Contradiction, message);
            }
            None => rollout(split, names, &member("rollout"), problems),
        }
    }
    let options = [
        ("bucket_by", &rule.bucket_by),
        ("context_kind", &rule.context_kind),
        ("seed", &rule.seed),
    ];
    for (name, option) in options {
        if let Some(text) = option {
            let least = usize::from(name != "seed");
            line(text, least, 256, member(name), problems);
        }
    }
    clauses(&rule.clauses, place, problems);
}

pub(super) fn clauses(clauses: &[Clause], around: &Place<'_>, problems: &mut Problems) {
    let list = Place::Member(around, "clauses");
    count(clauses.len(), 50, "clauses", list, problems);
    for (at, clause) in clauses.iter().enumerate() {
        self::clause(clause, &Place::Index(&list, at), problems);
    }
}

fn clause(clause: &Clause, place: &Place<'_>, problems: &mut Problems) {
    let member = |name| Place::Member(place, name);
    line(&clause.attribute, 1, 256, member("attribute"), problems);
    if let Some(kind) = &clause.context_kind {
        line(kind, 1, 128, member("context_kind"), problems);
    }
    let values = member("values");
    let unary = matches!(clause.operator, Operator::IsSet | Operator::IsNotSet);
    match (unary, clause.values.is_empty()) {
        (true, false) => {
            let message = format!(
                "`{}` compares with no values; leave the list empty",
                clause.operator
            );
            problems.add(values, ProblemCode::Contradiction, message);
        }
        (false, true) if !problems.within(&member("operator").to_string()) => {
            let message = format!("`{}` needs at least one value", clause.operator);
            problems.add(values, ProblemCode::InvalidOperand, message);
        }
        _ => {}
    }
    count(clause.values.len(), 10_000, "values", values, problems);
    const MAX_BYTES: usize = 4_096;
    for (at, value) in clause.values.iter().enumerate() {
        let bytes = match value {
            Value::String(text) => text.len(),
            Value::Array(_) | Value::Object(_) => value.to_string().len(),
            _ => 0,
        };
        if bytes > MAX_BYTES {
            let message = format!("the value has {bytes} bytes; use at most {MAX_BYTES}");
            problems.add(Place::Index(&values, at), ProblemCode::TooLarge, message);
        }
    }
}

/// The most patterns of a definition: compiling one takes up to some milliseconds and 1 MiB.
const MAX_PATTERNS: usize = 100;

/// Checks that patterns are few enough to compile.
pub(super) fn patterns_fit<'a>(
    clauses: impl Iterator<Item = &'a Clause>,
    rules: Place<'_>,
    problems: &mut Problems,
) -> bool {
    let patterns = clauses.filter(|clause| match clause.operator {
        Operator::Matches | Operator::NotMatches => true,
        // Compiled to patterns as well.
        Operator::Contains | Operator::NotContains => clause.ignore_case,
        _ => false,
    });
    let found = patterns.map(|clause| clause.values.len()).sum();
    count(found, MAX_PATTERNS, "patterns", rules, problems);
    found <= MAX_PATTERNS
}
