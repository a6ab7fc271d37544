use std::{fmt::Display, sync::Arc};

use waygate_core::{
    flag::{Flag, FlagKey, Segment, SegmentKey},
    grammar::Invalid,
    port::EntityKey,
};

use crate::engine::store::{Instead, Kind, Shown, Touches, View, named, record};

/// Feature flags.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Flags;

/// Segments of feature flags.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Segments;

/// Refuses a definition under the key of another one, which another writer may store.
fn same_key<K: PartialEq + Display>(of_record: &K, of_definition: &K) -> Result<(), String> {
    match of_record == of_definition {
        true => Ok(()),
        false => Err(format!(
            "the definition has the key `{of_definition}`: it must be that of the record, `{of_record}`"
        )),
    }
}

impl Kind for Flags {
    const NAMES: &'static [&'static str] = &["flag"];
    type Key = FlagKey;
    type Value = Arc<Flag>;

    fn parse(kind: &str, name: Option<&str>) -> Result<FlagKey, Invalid> {
        named(kind, name)
    }

    fn entity(key: &FlagKey) -> EntityKey {
        EntityKey::of("flag", key)
    }

    fn fits(key: &FlagKey, flag: &Arc<Flag>) -> Result<(), String> {
        same_key(key, &flag.key)
    }

    fn touches(key: &FlagKey) -> Touches<'_> {
        Touches::Flag(key)
    }

    fn shown(key: &FlagKey, flag: Option<&Arc<Flag>>, _: &dyn View) -> Option<Shown> {
        Some(Shown::new("flag", key, flag.cloned().map(record)))
    }
}

impl Kind for Segments {
    const NAMES: &'static [&'static str] = &["segment"];
    const INSTEAD: Instead = Instead::Undecided;
    type Key = SegmentKey;
    type Value = Arc<Segment>;

    fn parse(kind: &str, name: Option<&str>) -> Result<SegmentKey, Invalid> {
        named(kind, name)
    }

    fn entity(key: &SegmentKey) -> EntityKey {
        EntityKey::of("segment", key)
    }

    fn fits(key: &SegmentKey, segment: &Arc<Segment>) -> Result<(), String> {
        same_key(key, &segment.key)
    }

    fn touches(key: &SegmentKey) -> Touches<'_> {
        Touches::Segment(key)
    }

    fn shown(key: &SegmentKey, segment: Option<&Arc<Segment>>, _: &dyn View) -> Option<Shown> {
        Some(Shown::new("segment", key, segment.cloned().map(record)))
    }
}
