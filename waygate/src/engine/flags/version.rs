//! The version of all flags together.

use std::{hash::Hasher, sync::Arc};

use siphasher::sip::SipHasher13;
use waygate_core::{Timestamp, flag::FlagSet};

use super::Flags;

impl Flags {
    /// The compiled flags and segments, shared until one of them changes.
    pub(crate) fn shared_set(&self) -> &Arc<FlagSet> {
        &self.snapshot.flags
    }

    /// Hashes the revisions of all flags and segments: equal in processes with the same records, and different after each
    /// change.
    pub(crate) fn fingerprint(&self) -> u64 {
        let records = &self.snapshot.records;
        let mut hasher = SipHasher13::new();
        let mut add = |kind: u8, key: &str, revision: u64| {
            hasher.write(&[kind]);
            hasher.write(key.as_bytes());
            // No key contains this byte.
            hasher.write(&[0xff]);
            hasher.write(&revision.to_be_bytes());
        };
        add(0, &self.snapshot.revision.epoch.to_string(), 0);
        for (key, flag) in records.flags.iter() {
            add(1, key.as_str(), flag.revision);
        }
        for (key, segment) in records.segments.iter() {
            add(2, key.as_str(), segment.revision);
        }
        hasher.finish()
    }

    /// The time of the last change of an existing flag or segment.
    pub(crate) fn changed_at(&self) -> Option<Timestamp> {
        let records = &self.snapshot.records;
        let flags = records.flags.iter().map(|(_, flag)| flag.value.updated_at);
        let segments = records.segments.iter();
        let segments = segments.map(|(_, segment)| segment.value.updated_at);
        flags.chain(segments).flatten().max()
    }
}
