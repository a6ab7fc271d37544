//! A file with the counters of this process, for the next run.

use std::{
    ops::ControlFlow,
    path::PathBuf,
    pin::pin,
    sync::Weak,
    time::{Duration, Instant},
};

use waygate_backends::CounterSnapshot;
use waygate_core::{Printable, limit::quota::Nanos, port::BackendError};

use super::{Component, Inner};

/// The interval between writes, if any counter has changed.
const EVERY: Duration = Duration::from_secs(1);

/// How long health reports that counters could not be restored.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// The location of the counters.
#[derive(Debug, Clone, Default)]
pub(crate) enum Place {
    /// Only if the state is in a file too, and no other store counts.
    #[default]
    BesideState,
    At(PathBuf),
    Nowhere,
}

/// Reports counters that were not restored.
pub(crate) fn report_start(inner: &Inner) {
    let Some(snapshot) = &inner.counter_snapshot else {
        return;
    };
    let restored = snapshot.restored();
    tracing::info!(
        counters = restored.counters,
        expired = restored.expired,
        left_out = restored.left_out,
        "restored the counters of the previous run"
    );
    if let Some(cause) = loss(snapshot) {
        inner
            .monitor
            .degrade(Component::CounterSnapshot, cause, inner.clock.now());
    }
}

/// The losses since the previous run.
fn loss(snapshot: &CounterSnapshot) -> Option<String> {
    let restored = snapshot.restored();
    let left_out = restored.left_out;
    let room =
        || format!("no room for {left_out} counters of the previous run; they start at zero");
    restored.fault.clone().or_else(|| (left_out > 0).then(room))
}

/// Keeps the file up to date until the engine is shut down or dropped. The last counts are written when the file is
/// dropped.
pub(crate) async fn run(engine: Weak<Inner>) {
    let begun = Instant::now();
    let Some(mut version) = engine.upgrade().map(|inner| inner.channels.versions()) else {
        return;
    };
    let mut gone = pin!(async move { while version.changed().await.is_ok() {} });
    let (mut round, mut is_last) = (ControlFlow::Continue(()), false);
    while round.is_continue() && !is_last {
        is_last = tokio::time::timeout(EVERY, &mut gone).await.is_ok();
        round = write_once(&engine, begun, CounterSnapshot::write).await;
    }
}

type Write = fn(&CounterSnapshot, Nanos) -> Result<usize, BackendError>;

/// Writes the file and reports the result, even if `write` panics. `Break` if the engine was dropped.
async fn write_once(engine: &Weak<Inner>, begun: Instant, write: Write) -> ControlFlow<()> {
    let Some((snapshot, now)) = engine.upgrade().and_then(|inner| {
        let now = inner.counters.clock.now();
        Some((inner.counter_snapshot.clone()?, now))
    }) else {
        return ControlFlow::Break(());
    };
    let work = move || {
        let loss = loss(&snapshot).filter(|_| begun.elapsed() < REMEMBERED);
        match write(&snapshot, now) {
            // The store has not failed, only this file.
            Err(error) => Some(error.problem().to_owned()),
            Ok(0) => loss,
            Ok(left_out) => Some(format!(
                "{left_out} counters are not kept: the file would exceed {} bytes",
                CounterSnapshot::MAX_BYTES
            )),
        }
    };
    let written = tokio::task::spawn_blocking(work).await;
    let Some(inner) = engine.upgrade() else {
        return ControlFlow::Break(());
    };
    let cause = written.unwrap_or_else(|error| {
        tracing::error!(error = %Printable(&error), "writing the counters to their file was interrupted; it is \
                                                     retried");
        Some(format!("writing the counters was interrupted: {error}"))
    });
    match cause {
        Some(cause) => {
            inner
                .monitor
                .degrade(Component::CounterSnapshot, cause, inner.clock.now());
        }
        None => inner.monitor.recover(Component::CounterSnapshot),
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Waygate;

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_reported_and_the_next_write_tried() {
        let file = std::env::temp_dir().join(format!("waygate-{}.counters", uuid::Uuid::new_v4()));
        let builder = Waygate::builder().counter_snapshot(&file);
        let waygate = builder.build().await.unwrap();
        let engine = Arc::downgrade(&waygate.inner);
        let cause = || {
            let health = waygate.health();
            let degraded = health.get(&Component::CounterSnapshot);
            degraded.map(|degraded| degraded.cause.clone())
        };
        let begun = Instant::now();
        let panics: Write = |_, _| panic!("on purpose");
        assert!(write_once(&engine, begun, panics).await.is_continue());
        let said = cause().unwrap();
        assert!(
            said.contains("interrupted") && said.contains("panicked"),
            "{said}"
        );
        let round = write_once(&engine, begun, CounterSnapshot::write).await;
        assert!(round.is_continue());
        assert_eq!(cause(), None);
        drop(waygate);
        assert!(write_once(&engine, begun, panics).await.is_break());
        for end in ["", ".lock", ".next"] {
            let _ = std::fs::remove_file(format!("{}{end}", file.display()));
        }
    }
}
