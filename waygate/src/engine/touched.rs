use std::collections::BTreeSet;

#[cfg(feature = "flags")]
use waygate_core::flag::{FlagKey, SegmentKey};
use waygate_core::model::{LimitScope, RouteKey};

use super::{kinds::RecordId, store::Touches, stored::Stored, table::Table};

/// The compiled parts of the snapshot that a change makes stale.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) slots: Vec<usize>,
    /// The scopes of shared limits.
    pub(crate) limits: BTreeSet<LimitScope>,
    #[cfg(feature = "flags")]
    pub(crate) flags: BTreeSet<FlagKey>,
    #[cfg(feature = "flags")]
    pub(crate) segments: BTreeSet<SegmentKey>,
}

impl Touched {
    /// The parts that changes of these records make stale.
    pub(crate) fn by<'a>(
        changed: impl IntoIterator<Item = &'a RecordId>,
        stored: &Stored,
        table: &Table,
    ) -> Self {
        let mut touched = Self::default();
        for id in changed {
            if let Some(collection) = stored.records.of(id) {
                collection.touches(id.entity(), &mut |touches| {
                    touched.add(touches, stored, table)
                });
            }
        }
        touched.slots.sort_unstable();
        touched.slots.dedup();
        touched
    }

    fn add(&mut self, touches: Touches<'_>, stored: &Stored, table: &Table) {
        match touches {
            Touches::Nothing => {}
            Touches::Route(key) => self.slots.extend(table.slot_of(key)),
            Touches::Limits(LimitScope::Route(key)) => {
                self.slots.extend(table.limited(key).or(table.slot_of(key)));
                // The change applies to extension methods of the route for all methods.
                let whole = key.path().parse::<RouteKey>().ok();
                self.slots
                    .extend(whole.and_then(|whole| table.exact(&whole)));
            }
            Touches::Limits(shared) => {
                self.limits.insert(shared.clone());
            }
            Touches::AllLimits => {
                self.slots.extend(0..table.len());
                let scopes = stored.records.rate_limits.keys().map(|key| &key.scope);
                let shared = scopes.filter(|scope| !matches!(scope, LimitScope::Route(_)));
                self.limits.extend(shared.cloned());
            }
            #[cfg(feature = "flags")]
            Touches::Flag(key) => drop(self.flags.insert(key.clone())),
            #[cfg(feature = "flags")]
            Touches::Segment(key) => drop(self.segments.insert(key.clone())),
        }
    }
}
