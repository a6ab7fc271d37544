use serde_json::Value;

use super::{
    clauses::clause,
    expression::{Expression, Node, Untranslatable},
    outcome::{Outcome, Rollout},
};
use crate::flag::{
    hash::{HashAlgorithm, TOTAL, bucket},
    model::{Clause, Operator, WeightedVariation},
};

/// `fractional` with constant parts.
pub(super) struct Fractional {
    seed: String,
    by: By,
    /// Variants with the sum of the weights up to them.
    ends: Vec<(String, u64)>,
    total: u64,
}

/// The value with the bucket, after the seed.
#[derive(Debug, PartialEq)]
enum By {
    Key,
    /// Without the attribute, there is no bucket.
    Attribute(String),
    /// Without the attribute, the seed alone has the bucket.
    Text(String),
    /// The seed alone.
    Nothing,
}

impl Fractional {
    /// `None` if all weights are zero, for which the result is `null`.
    pub(super) fn new(
        node: &Node,
        by: Option<&Node>,
        variants: Vec<(String, &Node)>,
        flag_key: &str,
    ) -> Result<Option<Self>, Untranslatable> {
        let mut total = 0_u64;
        let mut ends = Vec::with_capacity(variants.len());
        for (variant, weight) in variants {
            total += u64::from(self::weight(weight)?);
            ends.push((variant, total));
        }
        if total == 0 {
            return Ok(None);
        }
        let (seed, by) = match by {
            None => (flag_key.to_owned(), By::Key),
            Some(by) => value(node, by)?,
        };
        Ok(Some(Self {
            seed,
            by,
            ends,
            total,
        }))
    }

    /// Returns the rollout, and whether its weights were rounded.
    pub(super) fn outcome(
        &self,
        node: &Node,
        rounds_weights: bool,
    ) -> Result<(Outcome, bool), Untranslatable> {
        // One variant for all needs no bucket.
        if let Some(only) = self.only() {
            return Ok((Outcome::Variation(only.to_owned()), false));
        }
        if self.by == By::Nothing {
            return Ok((Outcome::Variation(self.of_seed()), false));
        }
        let all = u64::from(TOTAL);
        let exact = self.ends.iter().all(|(_, end)| end * all % self.total == 0);
        if !exact && !rounds_weights {
            return Err(node.untranslatable(format!(
                "the weights sum to {}, so the parts do not end at whole buckets of {TOTAL}: use weights that do, such as \
                 those that sum to 100, or round them with `round_weights`, which moves up to one of {TOTAL} contexts at \
                 each end",
                self.total
            )));
        }
        let mut start = 0;
        let parts = self.ends.iter().map(|(variant, end)| {
            let end = (end * all + self.total / 2) / self.total;
            let weight = u32::try_from(end - start).unwrap_or(TOTAL);
            start = end;
            WeightedVariation {
                variation: variant.clone(),
                weight,
            }
        });
        let rollout = Rollout {
            parts: parts.collect(),
            seed: self.seed.clone(),
            by: match &self.by {
                By::Key | By::Nothing => None,
                By::Attribute(name) | By::Text(name) => Some(name.clone()),
            },
        };
        Ok((Outcome::Rollout(rollout), !exact))
    }

    /// Returns the clause of contexts that lack the attribute, and their variant; `None` is the default variant.
    pub(super) fn without_attribute(&self) -> Option<(Clause, Option<String>)> {
        let missing = |name: &str| clause(name, Operator::IsNotSet, Vec::new());
        match &self.by {
            By::Key | By::Nothing => None,
            By::Attribute(name) => Some((missing(name), None)),
            By::Text(_) if self.only().is_some() => None,
            By::Text(name) => Some((missing(name), Some(self.of_seed()))),
        }
    }

    fn only(&self) -> Option<&str> {
        let mut start = 0;
        let mut some = self.ends.iter().filter(|(_, end)| {
            let is_some = *end > start;
            start = *end;
            is_some
        });
        match (some.next(), some.next()) {
            (Some((variant, _)), None) => Some(variant),
            _ => None,
        }
    }

    /// The variant of the bucket of the seed.
    fn of_seed(&self) -> String {
        let bucket = u64::from(bucket(HashAlgorithm::FlagdV2, &self.seed, "", ""));
        let all = u64::from(TOTAL);
        let ends = self.ends.iter();
        let mut after = ends.skip_while(|(_, end)| bucket * self.total >= end * all);
        after
            .next()
            .map(|(variant, _)| variant.clone())
            .unwrap_or_default()
    }
}

/// Reads a weight; a negative one is zero.
fn weight(node: &Node) -> Result<u32, Untranslatable> {
    let number = match &node.expression {
        Expression::Literal(Value::Number(number)) => number.as_f64(),
        _ => None,
    };
    let whole = number.filter(|number| number.fract() == 0.0 && *number <= f64::from(u32::MAX));
    let message = "expected a whole number as the weight";
    let whole = whole.ok_or_else(|| node.untranslatable(message))?;
    Ok(whole.max(0.0) as u32)
}

/// Reads the value with the bucket: constants, which are the seed, before one attribute.
fn value(node: &Node, by: &Node) -> Result<(String, By), Untranslatable> {
    let attribute = |name: &str, by: fn(String) -> By| match name {
        "targetingKey" => By::Key,
        name => by(name.to_owned()),
    };
    match &by.expression {
        Expression::Attribute(name) => Ok((String::new(), attribute(name, By::Attribute))),
        Expression::Literal(Value::String(text)) => Ok((text.clone(), By::Nothing)),
        Expression::Cat(nodes) => {
            let mut seed = String::new();
            for (at, part) in nodes.iter().enumerate() {
                match &part.expression {
                    Expression::Literal(Value::String(text)) => seed.push_str(text),
                    Expression::Literal(Value::Number(number)) => {
                        seed.push_str(&number.to_string())
                    }
                    Expression::Attribute(name) if at + 1 == nodes.len() => {
                        return Ok((seed, attribute(name, By::Text)));
                    }
                    _ => {
                        let message = "expected constants before one attribute";
                        return Err(by.untranslatable(message));
                    }
                }
            }
            Ok((seed, By::Nothing))
        }
        Expression::Evaluator(_, inner) => value(node, inner),
        _ => Err(node.untranslatable(
            "expected an attribute, or constants before one, as the value with the bucket",
        )),
    }
}
