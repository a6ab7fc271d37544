use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::grammar::Invalid;

/// The random identity of a store's lifetime, drawn when the store is created.
///
/// A store that was emptied and created again has another epoch, so that its lower revision numbers are recognized as
/// a reset.
///
/// ```
/// use waygate_core::model::Epoch;
///
/// let epoch = Epoch::random();
/// assert_eq!(epoch.to_string().parse(), Ok(epoch));
/// assert_ne!(epoch, Epoch::random());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(Uuid);

impl Epoch {
    /// Creates an epoch from the operating system's randomness.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl FromStr for Epoch {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let epoch = text.parse().map(Self);
        epoch.map_err(|_| Invalid::new("epoch", text, "use a UUID"))
    }
}

/// The version of a store: its epoch and the number of its last commit.
///
/// Numbers grow by one with each commit and compare only within one epoch; an empty store is at 0.
///
/// ```
/// use waygate_core::model::{Epoch, Revision};
///
/// let epoch = Epoch::random();
/// let (first, second) = (Revision { epoch, number: 1 }, Revision { epoch, number: 2 });
/// assert!(second.is_newer_than(&first));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Revision {
    /// The lifetime of the store.
    pub epoch: Epoch,
    /// The number of the last commit.
    pub number: u64,
}

impl Revision {
    /// Returns whether `self` is a later state of the same store as `other`.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.number > other.number
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_within_one_epoch_only() {
        let (ours, theirs) = (Epoch::random(), Epoch::random());
        assert_ne!(ours, theirs);
        let at = |epoch, number| Revision { epoch, number };
        assert!(at(ours, 2).is_newer_than(&at(ours, 1)));
        assert!(!at(ours, 1).is_newer_than(&at(ours, 1)));
        assert!(!at(ours, 1).is_newer_than(&at(ours, 2)));
        assert!(!at(theirs, 9).is_newer_than(&at(ours, 1)));
    }

    #[test]
    fn an_epoch_parses_back() {
        let epoch = Epoch::random();
        assert_eq!(epoch.to_string().len(), 32);
        assert_eq!(epoch.to_string().parse::<Epoch>().unwrap(), epoch);
        let stored = serde_json::to_value(epoch).unwrap();
        assert_eq!(serde_json::from_value::<Epoch>(stored).unwrap(), epoch);
        assert!("yesterday".parse::<Epoch>().is_err());
        assert_eq!(
            Revision { epoch, number: 7 }.to_string(),
            format!("{epoch}-7")
        );
    }
}
