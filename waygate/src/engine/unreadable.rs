//! Records that cannot be read, and what applies instead: what may have been closed stays closed.

use std::collections::BTreeSet;

use waygate_core::port::{EntityKey, Image};

use super::{
    kinds::{Maintenances, RecordId},
    misnamed::StandIn,
    store::{Instead, Unread, Unreadable},
    stored::{Past, Stored},
};

impl Stored {
    /// Reads an image. A record that cannot be read is noted, and something stands in for it: one bad record takes no
    /// other down with it.
    pub(crate) fn read(image: Image, past: Past<'_>) -> Self {
        let mut next = Self::empty(image.revision);
        let mut refused = Vec::new();
        for (key, entity) in image.entities {
            let revision = entity.revision;
            let says_off = entity.value.get("enabled") == Some(&false.into());
            if let Err(problem) = next.put(&key, entity) {
                refused.push((key, revision, says_off, problem));
            }
        }
        // What is in the store besides says which records may be meant by a key that cannot be read.
        let keys: BTreeSet<_> = refused.iter().map(|(key, ..)| key.clone()).collect();
        for (key, revision, says_off, problem) in refused {
            let unread = Unread { revision, says_off };
            let StandIn {
                instead,
                kept,
                place,
            } = next.stand_in(&key, &unread, past, |key| keys.contains(key));
            let unreadable = Unreadable {
                revision,
                problem,
                instead,
                kept,
                place,
            };
            next.unreadable.insert(key, unreadable);
        }
        next
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
            // What was decided about it holds for as long as it is the same.
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
            // What is legible of a newer record counts for more than an older one.
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
