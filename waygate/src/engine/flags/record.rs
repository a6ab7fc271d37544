use std::sync::Arc;

use serde::Serialize;
use waygate_core::{
    flag::{Flag, Segment},
    model::Revision,
};

/// A stored flag, and the commit that last changed it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FlagRecord {
    /// The definition.
    #[serde(flatten)]
    pub flag: Arc<Flag>,
    /// The commit that last changed it.
    #[serde(skip)]
    pub revision: Revision,
}

/// A stored segment, and the commit that last changed it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SegmentRecord {
    /// The definition.
    #[serde(flatten)]
    pub segment: Arc<Segment>,
    /// The commit that last changed it.
    #[serde(skip)]
    pub revision: Revision,
}

impl FlagRecord {
    pub(super) fn new(flag: Arc<Flag>, revision: Revision) -> Self {
        Self { flag, revision }
    }
}

impl SegmentRecord {
    pub(super) fn new(segment: Arc<Segment>, revision: Revision) -> Self {
        Self { segment, revision }
    }
}
