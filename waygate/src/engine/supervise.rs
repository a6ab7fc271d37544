use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{task::JoinSet, time::sleep};

use super::{Component, Inner};

/// Restarts a background task that panics, and reports it.
pub(crate) fn supervise<F>(component: Component, inner: &Arc<Inner>, run: fn(Weak<Inner>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let engine = Arc::downgrade(inner);
    let task = inner.runtime.spawn(async move {
        loop {
            // Aborted with this one.
            let mut task = JoinSet::new();
            task.spawn(run(engine.clone()));
            let Some(Err(error)) = task.join_next().await else {
                return;
            };
            let Some(inner) = engine.upgrade().filter(|_| error.is_panic()) else {
                return;
            };
            inner.monitor.degrade(
                component,
                format!("the task died: {error}"),
                inner.clock.now(),
            );
            drop(inner);
            sleep(Duration::from_secs(1)).await;
        }
    });
    inner.channels.add(task);
}
