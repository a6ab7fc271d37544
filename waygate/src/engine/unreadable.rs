//! Unreadable records and their substitutes: records that may have been closed stay closed.

use std::collections::BTreeSet;

use waygate_core::port::{EntityKey, Image};

use super::{
    kinds::{Maintenances, RecordId},
    misnamed::StandIn,
    store::{Instead, Unread, Unreadable},
    stored::{Past, Stored},
};

/// A record that could not be read, before it has a substitute.
#[derive(Debug)]
pub(super) struct Refused {
    key: EntityKey,
    unread: Unread,
    problem: String,
}

impl Stored {
    /// Reads an image. Each unreadable record is noted and gets a substitute; it does not affect other records.
    pub(crate) fn read(image: Image, past: Past<'_>) -> Self {
        let (mut next, refused) = Self::parse(image);
        next.substitute(refused, past);
        next
    }

    /// Reads the records of an image that can be read, and returns the others.
    pub(super) fn parse(image: Image) -> (Self, Vec<Refused>) {
        let mut next = Self::empty(image.revision);
        let mut refused = Vec::new();
        for (key, entity) in image.entities {
            let unread = Unread {
                revision: entity.revision,
                says_off: entity.value.get("enabled") == Some(&false.into()),
            };
            if let Err(problem) = next.put(&key, entity) {
                refused.push(Refused {
                    key,
                    unread,
                    problem,
                });
            }
        }
        (next, refused)
    }

    /// Notes unreadable records, with a substitute for each.
    pub(super) fn substitute(&mut self, refused: Vec<Refused>, past: Past<'_>) {
        // The other records in the store narrow down the meaning of an unreadable key.
        let keys: BTreeSet<_> = refused.iter().map(|refused| refused.key.clone()).collect();
        for refused in refused {
            let Refused {
                key,
                unread,
                problem,
            } = refused;
            let StandIn {
                instead,
                kept,
                place,
            } = self.stand_in(&key, &unread, past, |key| keys.contains(key));
            let unreadable = Unreadable {
                revision: unread.revision,
                problem,
                instead,
                kept,
                place,
            };
            self.unreadable.insert(key, unreadable);
        }
    }

    fn stand_in(
        &mut self,
        key: &EntityKey,
        unread: &Unread,
        past: Past<'_>,
        is_there: impl Fn(&EntityKey) -> bool,
    ) -> StandIn {
        let Ok(id) = RecordId::of(key) else {
            let mut stand_in = self.stand_in_for_misnamed(key, unread, past, is_there);
            // The decision about it stays while the record is unchanged.
            if let Past::Current(last) = past
                && let Some(known) = last.unreadable.get(key)
                && known.revision == unread.revision
                && stand_in.instead != Instead::Nothing
            {
                stand_in.instead = known.instead;
            }
            return stand_in;
        };
        let kept = match past {
            Past::Current(last) => self.keep(&id, last, |_| true),
            // The readable part of a newer record takes precedence over an older record.
            Past::Older(_) if unread.says_off && id.is::<Maintenances>() => false,
            Past::Older(images) => images
                .iter()
                .any(|older| self.keep(&id, older, |older| older.may_stand_in(&id))),
        };
        let instead = match kept {
            true => Instead::LastKnown,
            false => self.records.stand_in(&id, unread),
        };
        StandIn {
            instead,
            kept: BTreeSet::new(),
            place: None,
        }
    }
}
