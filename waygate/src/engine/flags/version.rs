//! The compiled flags, and what they were compiled from.

use std::sync::Arc;

use waygate_core::flag::FlagSet;

use super::Flags;

impl Flags {
    /// The compiled flags and segments, shared until one of them changes.
    pub(crate) fn shared_set(&self) -> &Arc<FlagSet> {
        &self.snapshot.flags
    }
}
