use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// How many paths are remembered. There are as many as the code has routes.
const CAPACITY: usize = 1_000;

/// The paths that a route guard has met although no route is registered for them.
#[derive(Debug, Default)]
pub(crate) struct Unregistered(Mutex<HashSet<Box<str>>>);

impl Unregistered {
    /// Whether this path is met for the first time.
    pub(crate) fn note(&self, path: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !known.contains(path) && known.len() < CAPACITY && known.insert(path.into())
    }
}
