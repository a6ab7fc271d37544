//! Random pauses, so that processes do not stay in step.

use std::time::Duration;

/// A random time below `longest`.
pub(crate) fn up_to(longest: Duration) -> Duration {
    let random = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    longest * random / 256
}

/// Between 75 % and 125 % of `interval`.
pub(crate) fn around(interval: Duration) -> Duration {
    interval - interval / 4 + up_to(interval / 2)
}
