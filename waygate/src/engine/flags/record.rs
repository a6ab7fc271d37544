use std::sync::Arc;

use serde::Serialize;
use waygate_core::{
    flag::{Flag, Segment},
    model::Revision,
};

/// A stored flag, and the commit that last changed it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use serde_json::json;
/// use waygate::{Waygate, flags::Flag};
///
/// let waygate = Waygate::builder().build().await?;
/// let search = Flag::parse(&json!({
///     "key": "search", "name": "New search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "on",
/// }))?;
/// let record = waygate.system().create_flag(search).await?;
/// assert_eq!(record.flag.created_by, "system");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use serde_json::json;
/// use waygate::{Waygate, flags::Segment};
///
/// let waygate = Waygate::builder().build().await?;
/// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta testers"}))?;
/// let record = waygate.system().create_segment(beta).await?;
/// assert_eq!(waygate.flags().segment("beta")?.revision, record.revision);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
