use crate::flag::model::{Clause, Operator};

/// A condition: any of the lists of clauses, all clauses of which must match. No list is never, an empty list always.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alternatives(pub(super) Vec<Vec<Clause>>);

/// Limits the alternatives of a condition, each of which becomes a rule.
const MOST: usize = 100;
/// Limits the clauses of a rule.
const MOST_CLAUSES: usize = 50;

impl Alternatives {
    pub(super) fn constant(holds: bool) -> Self {
        Self(if holds { vec![Vec::new()] } else { Vec::new() })
    }

    pub(super) fn clause(clause: Clause) -> Self {
        Self(vec![vec![clause]])
    }

    pub(super) fn all(clauses: Vec<Clause>) -> Self {
        Self(vec![clauses])
    }

    pub(super) fn is_always(&self) -> bool {
        self.0.iter().any(Vec::is_empty)
    }

    pub(super) fn is_never(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn or(mut self, other: Self) -> Self {
        if self.is_always() || other.is_always() {
            return Self::constant(true);
        }
        for clauses in other.0 {
            if !self.0.contains(&clauses) {
                self.0.push(clauses);
            }
        }
        self
    }

    /// `None` if there are too many alternatives.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        let mut both = Self::constant(false);
        for one in &self.0 {
            for other in &other.0 {
                let mut clauses = one.clone();
                let new = other.iter().filter(|clause| !one.contains(clause));
                clauses.extend(new.cloned());
                if clauses.len() > MOST_CLAUSES || both.0.len() >= MOST {
                    return None;
                }
                both = both.or(Self::all(clauses));
            }
        }
        Some(both)
    }

    pub(super) fn negated(&self) -> Option<Self> {
        let mut rest = Self::constant(true);
        for clauses in &self.0 {
            let none = clauses.iter().cloned().map(|clause| vec![inverse(clause)]);
            rest = rest.and(&Self(none.collect()))?;
        }
        Some(rest)
    }
}

/// Returns the clause with the opposite result, for every context.
fn inverse(clause: Clause) -> Clause {
    // Without `null` among its values, `is_not` matches a missing attribute, and `is` does not.
    let plain = !clause.negate && !clause.values.iter().any(serde_json::Value::is_null);
    let opposite = match clause.operator {
        Operator::Is if plain => Some(Operator::IsNot),
        Operator::IsNot if plain => Some(Operator::Is),
        Operator::In if plain => Some(Operator::NotIn),
        Operator::NotIn if plain => Some(Operator::In),
        Operator::Eq if plain => Some(Operator::Ne),
        Operator::Ne if plain => Some(Operator::Eq),
        Operator::IsSet if plain => Some(Operator::IsNotSet),
        Operator::IsNotSet if plain => Some(Operator::IsSet),
        Operator::InSegment if plain => Some(Operator::NotInSegment),
        _ => None,
    };
    match opposite {
        Some(operator) => Clause { operator, ..clause },
        None => Clause {
            negate: !clause.negate,
            ..clause
        },
    }
}
