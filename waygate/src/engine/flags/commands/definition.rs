//! What flags and segments have in common as definitions that operators write.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::Serialize;
use serde_json::Value;
use waygate_core::{
    Timestamp,
    flag::{
        Checks, Flag, FlagKey, Problems, Relations, Segment, SegmentKey, check_flag_removal,
        check_segment_removal,
    },
    grammar::Invalid,
};

use crate::engine::{
    kinds::{FlagDrafts, Flags, Records, Segments},
    store::Kind,
    tx::Tx,
};

/// A kind of definition: flags, or segments.
pub(crate) trait Definition:
    Kind<Value = Arc<Self::Body>, Key: fmt::Display + Borrow<str> + FromStr<Err = Invalid>>
{
    type Body: Serialize + Send + Sync;
    const NOUN: &'static str;

    /// Reads a definition for writing, with all of its problems.
    fn read(definition: &Value) -> Result<Self::Body, Problems>;
    /// Reads a definition that the store had.
    fn stored(definition: &Value) -> Result<Self::Body, Problems>;
    /// Leaves out what the scheduler would do immediately.
    fn forget_past(_body: &mut Self::Body, _now: Timestamp) {}
    /// Checks a definition against all others.
    fn check(body: &Self::Body, others: &Checks<'_>) -> Result<(), Problems>;
    fn check_removal(key: &Self::Key, records: &Records) -> Result<(), Problems>;
    /// What the checks of other definitions read of this one.
    fn relations(body: &Self::Body) -> Relations;
    /// Returns a definition that is turned on or off.
    fn switched(body: &Self::Body, is_on: bool) -> Self::Body;
    /// Deletes what belongs to a definition that is deleted.
    fn delete_parts(_key: &Self::Key, _tx: &mut Tx<'_>) {}
    /// Sets the members that the server keeps.
    fn stamp(body: &mut Self::Body, previous: Option<&Self::Body>, author: &str, now: Timestamp);
    /// Returns the definition with the members of a patch.
    fn patch(body: &Self::Body, members: &Value) -> Result<Self::Body, Problems>;
}

impl Definition for Flags {
    type Body = Flag;
    const NOUN: &'static str = "flag";

    fn read(definition: &Value) -> Result<Flag, Problems> {
        Flag::parse(definition)
    }

    fn stored(definition: &Value) -> Result<Flag, Problems> {
        Flag::stored(definition)
    }

    fn forget_past(flag: &mut Flag, now: Timestamp) {
        flag.scheduled_changes
            .retain(|change| change.execute_at > now);
    }

    fn check(flag: &Flag, others: &Checks<'_>) -> Result<(), Problems> {
        others.flag(flag)
    }

    fn check_removal(key: &FlagKey, records: &Records) -> Result<(), Problems> {
        check_flag_removal(key.as_str(), records)
    }

    fn relations(flag: &Flag) -> Relations {
        Relations::of_flag(flag)
    }

    fn switched(flag: &Flag, is_on: bool) -> Flag {
        let mut flag = flag.clone();
        flag.enabled = is_on;
        flag
    }

    fn delete_parts(key: &FlagKey, tx: &mut Tx<'_>) {
        match tx.stored.records.flag_drafts.contains(key) {
            true => tx.delete::<FlagDrafts>(key),
            // Another process may have saved one.
            false => tx.expect::<FlagDrafts>(key),
        }
    }

    fn stamp(flag: &mut Flag, previous: Option<&Flag>, author: &str, now: Timestamp) {
        match previous {
            Some(previous) => {
                flag.created_at = previous.created_at;
                flag.created_by.clone_from(&previous.created_by);
            }
            None => {
                flag.created_at = Some(now);
                author.clone_into(&mut flag.created_by);
            }
        }
        flag.updated_at = Some(now);
        let known = previous.map_or(&[][..], |previous| &*previous.scheduled_changes);
        for change in &mut flag.scheduled_changes {
            match known.iter().find(|other| other.is_same(change)) {
                Some(known) => change.clone_from(known),
                None => {
                    change.created_at = Some(now);
                    author.clone_into(&mut change.created_by);
                }
            }
        }
    }

    fn patch(flag: &Flag, members: &Value) -> Result<Flag, Problems> {
        flag.patch(members)
    }
}

impl Definition for Segments {
    type Body = Segment;
    const NOUN: &'static str = "segment";

    fn read(definition: &Value) -> Result<Segment, Problems> {
        Segment::parse(definition)
    }

    fn stored(definition: &Value) -> Result<Segment, Problems> {
        Segment::stored(definition)
    }

    fn check(segment: &Segment, others: &Checks<'_>) -> Result<(), Problems> {
        others.segment(segment)
    }

    fn check_removal(key: &SegmentKey, records: &Records) -> Result<(), Problems> {
        check_segment_removal(key.as_str(), records)
    }

    fn relations(segment: &Segment) -> Relations {
        Relations::of_segment(segment)
    }

    /// Segments cannot be turned off.
    fn switched(segment: &Segment, _: bool) -> Segment {
        segment.clone()
    }

    fn stamp(segment: &mut Segment, previous: Option<&Segment>, _: &str, now: Timestamp) {
        segment.created_at = previous.map_or(Some(now), |previous| previous.created_at);
        segment.updated_at = Some(now);
    }

    fn patch(segment: &Segment, members: &Value) -> Result<Segment, Problems> {
        segment.patch(members)
    }
}
