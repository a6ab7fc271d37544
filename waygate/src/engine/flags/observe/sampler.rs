//! Looks at the counters of flags now and then, so that evaluations need no clock.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::engine::Inner;

/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(10);

/// Runs while the engine lives, without keeping it alive.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let (clock, mut version) = (inner.clock.clone(), inner.channels.versions());
    drop(inner);
    let gone = async { while version.changed().await.is_ok() {} };
    let mut gone = std::pin::pin!(gone);
    loop {
        let Some(inner) = engine.upgrade() else {
            return;
        };
        let now = clock.now();
        inner.flag_facts.look(now);
        let set = inner.snapshot.load().flags.clone();
        inner.flag_facts.seen.follow(&set);
        drop((inner, set));
        let Ok(next) = now.checked_add(PAUSE) else {
            return;
        };
        tokio::select! {
            () = clock.sleep_until(next) => {}
            () = &mut gone => return,
        }
    }
}

/// Starts the sampler if the process keeps facts.
pub(crate) fn start(inner: &Arc<Inner>) {
    if inner.flag_facts.is_on() {
        crate::engine::supervise::supervise(crate::engine::Component::Flags, inner, run);
    }
}
