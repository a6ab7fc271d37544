//! Expressions as rules.

use serde_json::{Map, Value};

use super::{
    alternatives::Alternatives,
    condition::{Conditions, is_truthy},
    expression::{Expression, Node, Part, Untranslatable},
    fractional::Fractional,
    outcome::Outcome,
};
use crate::flag::{model::Clause, words::expected};

/// Translates the targeting of a flag at a point in time.
pub(super) struct Targeting<'a> {
    pub(super) flag_key: &'a str,
    pub(super) variants: &'a Map<String, Value>,
    /// The variant of `null`.
    pub(super) default: Option<&'a str>,
    pub(super) conditions: Conditions<'a>,
    pub(super) rounds_weights: bool,
    rules: Vec<(Vec<Clause>, Outcome)>,
    /// The places of weights that were rounded.
    rounded: Vec<String>,
}

/// The rules of a flag.
#[derive(Debug, PartialEq)]
pub(super) struct Translated {
    pub(super) rules: Vec<(Vec<Clause>, Outcome)>,
    pub(super) fallthrough: Outcome,
    pub(super) rounded: Vec<String>,
}

/// Limits the rules of a flag.
const MOST_RULES: usize = 200;

impl<'a> Targeting<'a> {
    pub(super) fn new(
        flag_key: &'a str,
        variants: &'a Map<String, Value>,
        default: Option<&'a str>,
        conditions: Conditions<'a>,
        rounds_weights: bool,
    ) -> Self {
        Self {
            flag_key,
            variants,
            default,
            conditions,
            rounds_weights,
            rules: Vec::new(),
            rounded: Vec::new(),
        }
    }

    pub(super) fn translate(mut self, root: &Node) -> Result<Translated, Untranslatable> {
        self.result(root, &Alternatives::constant(true))?;
        // The last result is that of all contexts which no rule matches.
        let last = self.rules.pop().map(|(_, outcome)| outcome);
        Ok(Translated {
            rules: self.rules,
            fallthrough: last.ok_or_else(|| root.untranslatable("there is no result"))?,
            rounded: self.rounded,
        })
    }

    /// Adds rules that cover all contexts of `guard`.
    fn result(&mut self, node: &Node, guard: &Alternatives) -> Result<(), Untranslatable> {
        match &node.expression {
            Expression::Literal(value) => {
                let outcome = Outcome::Variation(self.variant(node, value)?);
                self.push(node, guard, outcome)
            }
            Expression::If(pairs, otherwise) => self.conditional(node, pairs, otherwise, guard),
            Expression::Evaluator(_, inner) => self.result(inner, guard),
            Expression::Fractional(by, parts) => match hoisted(node, by.as_deref(), parts) {
                Some(conditional) => self.result(&conditional, guard),
                None => self.fractional(node, by.as_deref(), parts, guard),
            },
            _ if is_boolean(node) => {
                let condition = self.conditions.of(node)?;
                let both = guard.and(&condition).ok_or_else(|| too_many(node))?;
                let [yes, no] = [true, false].map(Value::from);
                if !both.is_never() {
                    let yes = Outcome::Variation(self.variant(node, &yes)?);
                    self.push(node, &both, yes)?;
                }
                if !condition.is_always() {
                    let no = Outcome::Variation(self.variant(node, &no)?);
                    self.push(node, guard, no)?;
                }
                Ok(())
            }
            Expression::StartsWith(_) | Expression::EndsWith(_) | Expression::SemVer(..) => {
                let message =
                    "the result can be `null`, for an attribute of another form; put it into `if`";
                Err(node.untranslatable(message))
            }
            Expression::Attribute(_) => {
                let message = "the value of an attribute as the variant; use `if` with a result for each value";
                Err(node.untranslatable(message))
            }
            _ => Err(node.untranslatable("no variant as the result")),
        }
    }

    fn conditional(
        &mut self,
        node: &Node,
        pairs: &[(Node, Node)],
        otherwise: &Node,
        guard: &Alternatives,
    ) -> Result<(), Untranslatable> {
        for (at, (condition, result)) in pairs.iter().enumerate() {
            if at + 1 == pairs.len()
                && let Some(split) = split(condition, result, otherwise)
            {
                return self.result(&split, guard);
            }
            let condition = self.conditions.of(condition)?;
            if condition.is_always() {
                return self.result(result, guard);
            }
            if !condition.is_never() {
                let both = guard.and(&condition).ok_or_else(|| too_many(node))?;
                self.result(result, &both)?;
            }
        }
        self.result(otherwise, guard)
    }

    fn fractional(
        &mut self,
        node: &Node,
        by: Option<&Node>,
        parts: &[Part],
        guard: &Alternatives,
    ) -> Result<(), Untranslatable> {
        let mut variants = Vec::with_capacity(parts.len());
        for Part { result, weight } in parts {
            let result = result.resolved();
            let Expression::Literal(value) = &result.expression else {
                return Err(result.untranslatable("expected the name of a variant"));
            };
            variants.push((self.variant(result, value)?, weight));
        }
        let fractional = Fractional::new(node, by, variants, self.flag_key)?;
        let Some(fractional) = fractional else {
            let outcome = Outcome::Variation(self.variant(node, &Value::Null)?);
            return self.push(node, guard, outcome);
        };
        let (outcome, rounded) = fractional.outcome(node, self.rounds_weights)?;
        if rounded {
            self.rounded.push(node.pointer.clone());
        }
        if let Some((missing, variant)) = fractional.without_attribute() {
            let both = guard.and(&Alternatives::clause(missing));
            let both = both.ok_or_else(|| too_many(node))?;
            let variant = match variant {
                Some(variant) => variant,
                None => self.variant(node, &Value::Null)?,
            };
            self.push(node, &both, Outcome::Variation(variant))?;
        }
        self.push(node, guard, outcome)
    }

    fn push(
        &mut self,
        node: &Node,
        guard: &Alternatives,
        outcome: Outcome,
    ) -> Result<(), Untranslatable> {
        if self.rules.len() + guard.0.len() > MOST_RULES {
            return Err(too_many(node));
        }
        let rules = guard.0.iter();
        self.rules
            .extend(rules.map(|clauses| (clauses.clone(), outcome.clone())));
        Ok(())
    }

    /// Returns the variant that a constant names.
    fn variant(&self, node: &Node, value: &Value) -> Result<String, Untranslatable> {
        let name = match value {
            Value::String(name) => name.as_str(),
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Null => {
                let message = "the result is the value of the caller's code, since the flag has no default variant; \
                               Waygate always serves a variation: name one in `defaultVariant`";
                self.default.ok_or_else(|| node.untranslatable(message))?
            }
            _ => return Err(node.untranslatable(format!("{value} is no name of a variant"))),
        };
        if !self.variants.contains_key(name) {
            let names: Vec<&str> = self.variants.keys().map(String::as_str).collect();
            let help = expected(name, &names);
            let message = format!("the flag has no variant `{name}`; {help}");
            return Err(node.untranslatable(message));
        }
        Ok(name.to_owned())
    }
}

fn too_many(node: &Node) -> Untranslatable {
    node.untranslatable("the targeting has too many alternatives; split the flag")
}

/// Returns whether a result is `true` or `false`, and nothing else.
fn is_boolean(node: &Node) -> bool {
    match &node.expression {
        Expression::Compare(..) | Expression::In(_) | Expression::Not(_) => true,
        Expression::And(nodes) | Expression::Or(nodes) => nodes.iter().all(is_boolean),
        Expression::Evaluator(_, node) => is_boolean(node),
        _ => false,
    }
}

/// Turns a share of the contexts as a condition into parts of both results.
fn split(condition: &Node, result: &Node, otherwise: &Node) -> Option<Node> {
    let Expression::Fractional(by, parts) = &condition.resolved().expression else {
        return None;
    };
    let chosen = |part: &Part| match &part.result.resolved().expression {
        Expression::Literal(value) => Some(Part {
            result: if is_truthy(value) { result } else { otherwise }.clone(),
            weight: part.weight.clone(),
        }),
        _ => None,
    };
    let parts = parts.iter().map(chosen).collect::<Option<_>>()?;
    Some(Node {
        pointer: condition.pointer.clone(),
        expression: Expression::Fractional(by.clone(), parts),
    })
}

/// Moves the first condition in a part, or in a weight, around the whole.
fn hoisted(node: &Node, by: Option<&Node>, parts: &[Part]) -> Option<Node> {
    let conditional = |node: &Node| match &node.resolved().expression {
        Expression::If(pairs, otherwise) => Some((pairs.clone(), (**otherwise).clone())),
        _ => None,
    };
    let found = parts.iter().enumerate().find_map(|(at, part)| {
        let result = conditional(&part.result).map(|found| (at, true, found));
        result.or_else(|| conditional(&part.weight).map(|found| (at, false, found)))
    });
    let (at, is_result, (pairs, otherwise)) = found?;
    let with = |value: Node| {
        let mut parts = parts.to_vec();
        if let Some(part) = parts.get_mut(at) {
            *(if is_result {
                &mut part.result
            } else {
                &mut part.weight
            }) = value;
        }
        Node {
            pointer: node.pointer.clone(),
            expression: Expression::Fractional(by.cloned().map(Box::new), parts),
        }
    };
    let pairs = pairs.into_iter();
    Some(Node {
        pointer: node.pointer.clone(),
        expression: Expression::If(
            pairs
                .map(|(condition, result)| (condition, with(result)))
                .collect(),
            Box::new(with(otherwise)),
        ),
    })
}
