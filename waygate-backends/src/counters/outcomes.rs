use std::{ops::Deref, slice};

use smallvec::SmallVec;
use waygate_core::limit::Outcome;

/// The outcomes of one call, in the order of its charges. Up to four are stored inline.
///
/// ```
/// use waygate_backends::Outcomes;
/// use waygate_core::limit::Outcome;
///
/// let outcomes = Outcomes::from(Outcome::allowed(10, 9, 0));
/// assert_eq!((outcomes.len(), outcomes[0].remaining), (1, 9));
/// ```
#[derive(Debug, Clone)]
pub struct Outcomes(pub(super) Repr);

/// A single outcome, the usual case, is stored without the room for four.
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
