//! Conditions as alternatives of clauses.

use std::collections::BTreeSet;

use super::{
    alternatives::Alternatives,
    clauses::{affix, clause, comparison, truthy, versions, within},
    expression::{Expression, Node, Untranslatable},
};
use crate::flag::model::Operator;

/// Translates conditions at a point in time.
pub(super) struct Conditions<'a> {
    /// The evaluators that are segments.
    pub(super) segments: &'a BTreeSet<String>,
    /// The time, in seconds since 1970.
    pub(super) now: i64,
}

type Translated = Result<Alternatives, Untranslatable>;

impl Conditions<'_> {
    pub(super) fn of(&self, node: &Node) -> Translated {
        let many =
            || node.untranslatable("the condition has too many alternatives; split the flag");
        match &node.expression {
            Expression::Literal(value) => Ok(Alternatives::constant(is_truthy(value))),
            Expression::Attribute(name) => Ok(Alternatives::clause(truthy(name))),
            Expression::And(nodes) => {
                let mut all = Alternatives::constant(true);
                for node in nodes {
                    all = all.and(&self.of(node)?).ok_or_else(many)?;
                }
                Ok(all)
            }
            Expression::Or(nodes) => {
                let mut any = Alternatives::constant(false);
                for node in nodes {
                    any = any.or(self.of(node)?);
                }
                Ok(any)
            }
            Expression::Not(node) => self.of(node)?.negated().ok_or_else(many),
            Expression::If(pairs, otherwise) => {
                let (mut rest, mut any) =
                    (Alternatives::constant(true), Alternatives::constant(false));
                for (condition, result) in pairs {
                    let condition = self.of(condition)?;
                    let both = rest.and(&condition).ok_or_else(many)?;
                    any = any.or(both.and(&self.of(result)?).ok_or_else(many)?);
                    let others = condition.negated().and_then(|others| rest.and(&others));
                    rest = others.ok_or_else(many)?;
                }
                let result = self.of(otherwise)?;
                Ok(any.or(rest.and(&result).ok_or_else(many)?))
            }
            Expression::Compare(how, operands) => comparison(node, *how, operands, self.now),
            Expression::In(operands) => within(node, operands),
            Expression::StartsWith(operands) => affix(node, Operator::StartsWith, operands),
            Expression::EndsWith(operands) => affix(node, Operator::EndsWith, operands),
            Expression::SemVer(one, precedence, other) => versions(node, one, *precedence, other),
            Expression::Evaluator(name, _) if self.segments.contains(name) => {
                let values = vec![name.as_str().into()];
                Ok(Alternatives::clause(clause(
                    "key",
                    Operator::InSegment,
                    values,
                )))
            }
            Expression::Evaluator(_, node) => self.of(node),
            Expression::Timestamp => Err(node.untranslatable("the time; compare it with a number")),
            Expression::Cat(_) => Err(node.untranslatable("a string as a condition")),
            Expression::Fractional(..) => {
                Err(node
                    .untranslatable("a part of the contexts as a condition; let it be the result"))
            }
        }
    }
}

/// Returns whether JSONLogic takes a constant for true.
pub(super) fn is_truthy(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}
