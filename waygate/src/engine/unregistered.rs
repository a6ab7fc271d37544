use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// The maximum number of paths to remember. There are as many as the code has routes.
const CAPACITY: usize = 1_000;

/// The paths without a registered route that a route guard has seen.
#[derive(Debug, Default)]
pub(crate) struct Unregistered(Mutex<HashSet<Box<str>>>);

impl Unregistered {
    /// Returns `true` if this path is seen for the first time.
    pub(crate) fn note(&self, path: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !known.contains(path) && known.len() < CAPACITY && known.insert(path.into())
    }
}
