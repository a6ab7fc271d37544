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
    /// The record does not exist, or its revision is none of these.
    NoneOf(Vec<Revision>),
    /// Both conditions.
    Both(Box<Self>, Box<Self>),
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
            Self::NoneOf(refused) => current.is_none_or(|current| !refused.contains(&current)),
            Self::Both(one, other) => one.holds(current) && other.holds(current),
            Self::Number(wanted) => *wanted == current.map_or(0, |current| current.number),
        }
    }

    /// Returns `true` if the condition depends on what the author has seen, or on nothing being there.
    #[cfg(feature = "admin")]
    pub(crate) fn is_expectation(&self) -> bool {
        !matches!(self, Self::None | Self::NoneOf(_))
    }

    /// The expected revision number, for messages.
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::None | Self::Exists | Self::Absent | Self::NoneOf(_) => 0,
            Self::Both(one, _) => one.number(),
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
        let both = |one, other| Precondition::Both(Box::new(one), Box::new(other));
        for (precondition, holds_there, holds_gone) in [
            (Precondition::None, true, true),
            (Precondition::Exists, true, false),
            (Precondition::Absent, false, true),
            (Precondition::OneOf(vec![at(6), at(7)]), true, false),
            (Precondition::OneOf(vec![at(6), other]), false, false),
            (Precondition::OneOf(vec![]), false, false),
            (Precondition::NoneOf(vec![at(6), other]), true, true),
            (Precondition::NoneOf(vec![at(6), at(7)]), false, true),
            (Precondition::NoneOf(vec![]), true, true),
            (
                both(Precondition::Exists, Precondition::NoneOf(vec![at(6)])),
                true,
                false,
            ),
            (
                both(Precondition::OneOf(vec![at(7)]), Precondition::Absent),
                false,
                false,
            ),
            (Precondition::Number(7), true, false),
            (Precondition::Number(0), false, true),
        ] {
            assert_eq!(precondition.holds(there), holds_there, "{precondition:?}");
            assert_eq!(precondition.holds(gone), holds_gone, "{precondition:?}");
        }
        assert!(!Precondition::Absent.holds(Some(at(0))));
    }
}
