use std::{ops::Deref, slice};

use smallvec::SmallVec;
use waygate_core::limit::Outcome;

/// What the takes of one call came to, in their order. Up to four need no memory of their own.
#[derive(Debug, Clone)]
pub struct Outcomes(pub(super) Repr);

/// One outcome, which is the rule, does not carry the room for four around.
#[derive(Debug, Clone)]
pub(super) enum Repr {
    One(Outcome),
    Many(SmallVec<[Outcome; 4]>),
}

impl Deref for Outcomes {
    type Target = [Outcome];

    #[inline]
    fn deref(&self) -> &[Outcome] {
        match &self.0 {
            Repr::One(outcome) => slice::from_ref(outcome),
            Repr::Many(outcomes) => outcomes,
        }
    }
}

impl Default for Outcomes {
    fn default() -> Self {
        Self(Repr::Many(SmallVec::new()))
    }
}

impl From<Outcome> for Outcomes {
    fn from(outcome: Outcome) -> Self {
        Self(Repr::One(outcome))
    }
}

impl From<Vec<Outcome>> for Outcomes {
    fn from(outcomes: Vec<Outcome>) -> Self {
        Self(Repr::Many(outcomes.into()))
    }
}

impl From<Outcomes> for Vec<Outcome> {
    fn from(outcomes: Outcomes) -> Self {
        match outcomes.0 {
            Repr::One(outcome) => vec![outcome],
            Repr::Many(outcomes) => outcomes.into_vec(),
        }
    }
}
