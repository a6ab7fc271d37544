use std::ops::Deref;

use smallvec::SmallVec;
use waygate_core::limit::Outcome;

/// What the takes of one call came to, in their order. Up to four need no memory of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes(pub(super) SmallVec<[Outcome; 4]>);

impl Deref for Outcomes {
    type Target = [Outcome];

    #[inline]
    fn deref(&self) -> &[Outcome] {
        &self.0
    }
}

impl From<Vec<Outcome>> for Outcomes {
    fn from(outcomes: Vec<Outcome>) -> Self {
        Self(outcomes.into())
    }
}

impl From<Outcomes> for Vec<Outcome> {
    fn from(outcomes: Outcomes) -> Self {
        outcomes.0.into_vec()
    }
}
