use waygate_core::model::Revision;

/// A condition on the current revision of the record to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(not(feature = "admin"), allow(dead_code))]
pub(crate) enum Precondition {
    /// No condition.
    #[default]
    None,
    /// The record exists.
    Exists,
    /// The record does not exist.
    Absent,
    /// The revision is one of these.
    OneOf(Vec<Revision>),
    /// The revision has this number; 0 if the record was never changed.
    Number(u64),
}

impl Precondition {
    pub(super) fn holds(&self, current: Option<Revision>) -> bool {
        match self {
            Self::None => true,
            Self::Exists => current.is_some(),
            Self::Absent => current.is_none(),
            Self::OneOf(wanted) => current.is_some_and(|current| wanted.contains(&current)),
            Self::Number(wanted) => *wanted == current.map_or(0, |current| current.number),
        }
    }

    /// The expected revision number, for messages.
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::None | Self::Exists | Self::Absent => 0,
            Self::OneOf(wanted) => wanted.first().map_or(0, |wanted| wanted.number),
            Self::Number(wanted) => *wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use waygate_core::model::Epoch;

    use super::*;

    #[test]
    fn a_precondition_holds_for_exactly_the_current_revision() {
        let epoch = Epoch::random();
        let at = |number| Revision { epoch, number };
        let other = Revision {
            epoch: Epoch::random(),
            number: 7,
        };
        let (there, gone) = (Some(at(7)), None);
        for (precondition, holds_there, holds_gone) in [
            (Precondition::None, true, true),
            (Precondition::Exists, true, false),
            (Precondition::Absent, false, true),
            (Precondition::OneOf(vec![at(6), at(7)]), true, false),
            (Precondition::OneOf(vec![at(6), other]), false, false),
            (Precondition::OneOf(vec![]), false, false),
            (Precondition::Number(7), true, false),
            (Precondition::Number(0), false, true),
        ] {
            assert_eq!(precondition.holds(there), holds_there, "{precondition:?}");
            assert_eq!(precondition.holds(gone), holds_gone, "{precondition:?}");
        }
        assert!(!Precondition::Absent.holds(Some(at(0))));
    }
}
