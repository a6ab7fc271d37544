//! Follows the file of users.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use waygate_core::Printable;

use super::{accounts::Directory, throttle::Throttle};
use crate::{
    Waygate,
    engine::{Component, Inner},
};

/// The interval at which the file is read. Reading finds every change, through symbolic links too.
const INTERVAL: Duration = Duration::from_secs(2);

/// Reads the file of users again, until the engine stops or the admin API is dropped.
pub(super) fn follow(waygate: &Waygate, users: &Arc<Directory>, throttle: &Arc<Throttle>) {
    if users.file.is_none() {
        return;
    }
    let engine = Arc::downgrade(&waygate.inner);
    let mut versions = waygate.inner.channels.versions();
    let (users, throttle) = (Arc::downgrade(users), Arc::downgrade(throttle));
    let task = async move {
        loop {
            if again(&engine, &users, &throttle).await.is_none() {
                return;
            }
            let pause = tokio::time::sleep(INTERVAL);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    // Fails when the engine is dropped or shut down.
                    changed = versions.changed() => if changed.is_err() {
                        return;
                    },
                }
            }
        }
    };
    waygate
        .inner
        .channels
        .add(waygate.inner.runtime.spawn(task));
}

/// Reads the file once. `None` if it is no longer needed.
async fn again(
    engine: &Weak<Inner>,
    users: &Weak<Directory>,
    throttle: &Weak<Throttle>,
) -> Option<()> {
    let directory = users.upgrade()?;
    let path = directory.file.clone()?;
    // The disk may be slow, and hashing passwords is.
    let read = tokio::task::spawn_blocking(move || {
        let outcome = directory.read(&path);
        (outcome, path)
    });
    let (outcome, path) = read.await.ok()?;
    let (engine, throttle) = (engine.upgrade()?, throttle.upgrade()?);
    match outcome {
        Ok(changed) => {
            engine.monitor.recover(Component::AdminUsers);
            if changed {
                let accounts = users.upgrade()?.current();
                throttle.know(accounts.names());
                let count = accounts.names().count();
                tracing::info!(users = count, "the users of the admin API were read");
            }
        }
        Err(problem) => {
            let path = path.display().to_string();
            let cause = format!(
                "the last users of the admin API remain, as `{}` cannot be used: {problem}",
                Printable(&path)
            );
            engine
                .monitor
                .degrade(Component::AdminUsers, cause, engine.clock.now());
        }
    }
    Some(())
}
