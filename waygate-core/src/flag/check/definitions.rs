use crate::flag::model::{Flag, Segment};

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
