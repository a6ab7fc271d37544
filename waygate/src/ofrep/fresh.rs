use std::time::Duration;

use tokio::time::timeout;
use waygate_core::model::Revision;

use crate::Waygate;

/// The longest wait for a change that another process has announced.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits until this process has read a revision of the store. Returns `false` if it is not there in time.
///
/// A client that was sent an event by one process may fetch the flags from another one that is a moment behind.
pub(super) async fn reach(waygate: &Waygate, wanted: Revision) -> bool {
    let is_behind = || wanted.is_newer_than(&waygate.revision());
    if !is_behind() {
        return true;
    }
    let mut versions = waygate.inner.channels.versions();
    waygate.inner.behind.notify_one();
    let caught_up = async { while is_behind() && versions.changed().await.is_ok() {} };
    let _ = timeout(PATIENCE, caught_up).await;
    !is_behind()
}
