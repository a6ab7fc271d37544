use std::{collections::BTreeSet, fmt};

use waygate_core::port::EntityKey;

use super::{instead::Instead, place::Place};

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The commit that wrote it: what is to replace it must name this one.
    pub(crate) revision: u64,
    pub(crate) problem: String,
    pub(crate) instead: Instead,
    /// Where its key cannot be read: the records that were kept, because one of them may be meant. They are not in the store.
    pub(crate) kept: BTreeSet<EntityKey>,
    /// Where its key cannot be read, and is that of a route: which routes may be meant.
    pub(crate) place: Option<Place>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.instead.in_words())
    }
}
