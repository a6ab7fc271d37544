use std::{sync::atomic::AtomicU32, time::Duration};

use super::{
    super::{RedisOptions, link::Link},
    blocks::Blocks,
    leases::Leases,
    line::Line,
    mark::Mark,
    names::Names,
};

/// The connection, and what this process knows about the counters behind it.
pub(super) struct Shared {
    pub(super) link: Link,
    pub(super) names: Names,
    pub(super) leases: Leases,
    pub(super) line: Line,
    pub(super) mark: Mark,
    pub(super) replicas: AtomicU32,
    /// The id of this process among those that share Redis.
    pub(super) process: String,
    pub(super) blocks: Blocks,
}

impl Shared {
    pub(super) fn new(options: RedisOptions) -> Self {
        Self {
            names: Names::new(&options.prefix),
            link: Link::open(options),
            leases: Leases::new(),
            line: Line::default(),
            mark: Mark::default(),
            replicas: AtomicU32::new(0),
            process: uuid::Uuid::new_v4().simple().to_string(),
            blocks: Blocks::new(),
        }
    }

    pub(super) fn deadline(&self) -> Duration {
        self.link.options().deadline
    }
}
