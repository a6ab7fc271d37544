use std::sync::Arc;

use waygate_core::model::{Lifecycle, RouteKey};

use crate::engine::{stored::Stored, table::Table};

/// Stored, closed routes of one method that were replaced by an open route for all methods of the path.
#[derive(Debug, Clone)]
pub(crate) struct Swallowed {
    pub(crate) keys: Arc<[RouteKey]>,
    /// How many routes were stored. Only a command that adds or removes one changes what is swallowed.
    of: usize,
}

impl Swallowed {
    pub(crate) fn find(stored: &Stored, table: &Table) -> Self {
        let is_swallowed = |key: &&RouteKey| {
            let whole = key.path().parse::<RouteKey>().ok();
            key.method().is_some()
                && table.exact(key).is_none()
                && whole.is_some_and(|whole| table.exact(&whole).is_some())
        };
        let closed = stored
            .records
            .routes
            .iter()
            .filter(|(_, known)| known.value.state.position.lifecycle != Lifecycle::Active);
        let mut keys: Vec<RouteKey> = closed
            .map(|(key, _)| key)
            .filter(is_swallowed)
            .cloned()
            .collect();
        keys.sort_unstable();
        Self {
            keys: keys.into(),
            of: stored.records.routes.len(),
        }
    }

    /// Updates the list after a change that keeps the table.
    pub(crate) fn follow(&self, stored: &Stored, table: &Table) -> Self {
        match self.of == stored.records.routes.len() {
            true => self.clone(),
            false => Self::find(stored, table),
        }
    }
}
