//! A file with the counters of this process, for the next one.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use waygate_backends::{CounterSnapshot, MemoryCounters};
use waygate_core::{
    Printable,
    limit::quota::Nanos,
    port::{Backend, BackendError},
};

use super::{BuildError, Component, Inner, WaygateBuilder};

/// How often the counters are written, if any has changed.
const EVERY: Duration = Duration::from_secs(1);

/// For how long health tells that counters could not be put back.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Where counters are kept.
#[derive(Debug, Clone, Default)]
pub(crate) enum Place {
    /// Only where the state is in a file as well, and nobody else counts.
    #[default]
    BesideState,
    At(PathBuf),
    Nowhere,
}

impl WaygateBuilder {
    /// Puts back what was counted before.
    pub(super) async fn open_counter_snapshot(
        &self,
        backend: &dyn Backend,
        counters: &MemoryCounters,
        is_shared: bool,
        now: Nanos,
    ) -> Result<Option<Arc<CounterSnapshot>>, BuildError> {
        let counters = counters.clone();
        let state = backend.state_file().filter(|_| !is_shared);
        let state = state.map(Path::to_owned);
        let place = self.counter_snapshot.clone();
        let opened = tokio::task::spawn_blocking(move || match (place, state) {
            (Place::At(path), Some(state)) if is_of_state(&path, &state) => {
                Err(BackendError::Misconfigured(format!(
                    "the file of the counters `{}`: the state is kept there; name a file of its own",
                    path.display()
                )))
            }
            (Place::At(path), _) => CounterSnapshot::open(path, &counters, now).map(Some),
            (Place::BesideState, Some(state)) => {
                CounterSnapshot::beside_state(state, &counters, now).map(Some)
            }
            (Place::BesideState, None) | (Place::Nowhere, _) => Ok(None),
        });
        let opened = opened.await.map_err(|error| {
            BackendError::Unavailable(format!("reading the counters was interrupted: {error}"))
        })?;
        Ok(opened.map_err(BuildError::of_file)?.map(Arc::new))
    }
}

/// Whether a path is that of the state file or of one that stands beside it, but for its own counters.
fn is_of_state(path: &Path, state: &Path) -> bool {
    // A file that is not there yet stands in a directory that is.
    let real = |path: &Path| {
        path.canonicalize().ok().or_else(|| {
            let directory = path.parent()?.canonicalize().ok()?;
            Some(directory.join(path.file_name()?))
        })
    };
    let (Some(path), Some(state)) = (real(path), real(state)) else {
        return false;
    };
    let (Some(name), Some(of_state)) = (path.file_name(), state.file_name()) else {
        return false;
    };
    let name = name.to_string_lossy();
    let beside = name.strip_prefix(&*of_state.to_string_lossy());
    path.parent() == state.parent()
        && beside
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') && rest != ".counters")
}

/// Says what was not put back.
pub(crate) fn report_start(inner: &Inner) {
    let Some(snapshot) = &inner.counter_snapshot else {
        return;
    };
    let restored = snapshot.restored();
    tracing::info!(
        counters = restored.counters,
        expired = restored.expired,
        left_out = restored.left_out,
        "beginning with the counters of before"
    );
    if let Some(cause) = loss(snapshot) {
        inner
            .monitor
            .degrade(Component::CounterSnapshot, cause, inner.clock.now());
    }
}

/// What of the last process is gone.
fn loss(snapshot: &CounterSnapshot) -> Option<String> {
    let restored = snapshot.restored();
    let left_out = restored.left_out;
    let room =
        || format!("there was no room for {left_out} counters of before; they start at zero");
    restored.fault.clone().or_else(|| (left_out > 0).then(room))
}

/// Keeps the file up to date until the engine is shut down or gone. What is counted last is written when the file is
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

/// Writes the file and reports what came of it, also where `write` panics. `Break` when the engine is gone.
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
            // Not the store has failed, but this file.
            Err(error) => Some(error.problem().to_owned()),
            Ok(0) => loss,
            Ok(left_out) => Some(format!(
                "{left_out} counters are not kept: they would take more than {} bytes",
                CounterSnapshot::MAX_BYTES
            )),
        }
    };
    let written = tokio::task::spawn_blocking(work).await;
    let Some(inner) = engine.upgrade() else {
        return ControlFlow::Break(());
    };
    let cause = written.unwrap_or_else(|error| {
        tracing::error!(error = %Printable(&error), "writing the counters to their file was interrupted; it is tried again");
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
