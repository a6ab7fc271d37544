use std::{collections::BTreeSet, fmt};

use waygate_core::port::EntityKey;

use super::{instead::Instead, place::Place};

/// An unreadable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The commit that wrote it, which a replacement must name.
    pub(crate) revision: u64,
    pub(crate) problem: String,
    pub(crate) instead: Instead,
    /// For an unreadable key: the records that are kept because it may mean one of them. They are not in the store.
    pub(crate) kept: BTreeSet<EntityKey>,
    /// For an unreadable key of a route: the routes that it may mean.
    pub(crate) place: Option<Place>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.instead.in_words())
    }
}
