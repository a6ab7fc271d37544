use std::collections::BTreeMap;

use crate::flag::{
    key::{FlagKey, SegmentKey},
    model::{Flag, Segment},
};

/// All definitions, among which one is changed.
pub trait Definitions {
    /// Returns a flag.
    fn flag(&self, key: &str) -> Option<&Flag>;

    /// Returns a segment.
    fn segment(&self, key: &str) -> Option<&Segment>;

    /// Returns all flags.
    fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_>;

    /// Returns all segments.
    fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_>;
}

impl Definitions for (BTreeMap<FlagKey, Flag>, BTreeMap<SegmentKey, Segment>) {
    fn flag(&self, key: &str) -> Option<&Flag> {
        self.0.get(key)
    }

    fn segment(&self, key: &str) -> Option<&Segment> {
        self.1.get(key)
    }

    fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> {
        Box::new(self.0.values())
    }

    fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> {
        Box::new(self.1.values())
    }
}
