use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use super::{leases::Unused, scripts, store::Shared};

/// How often idle leases are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// A process that has not shown up for so long is gone.
const LIFETIME_MS: u64 = 10_000;

/// Shows other processes that this one is there, counts them, and gives back what was taken in advance for nobody.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        show_up(&shared).await;
        // A Redis that is not there is looked at when it is back.
        let _ = shared.look_at_mark(shared.deadline(), true).await;
        for unused in shared.leases.sweep() {
            let Unused {
                name,
                plan,
                units,
                taken,
                age,
            } = unused;
            let given = shared.give_back(&name, plan, units, taken, age).await;
            if given.is_err() {
                // They are lost until their window is over.
                tracing::debug!("units that were taken in advance did not go back to Redis");
            }
        }
    }
}

async fn show_up(shared: &Shared) {
    let name = shared.names.processes();
    let arguments = |command: &mut redis::Cmd| {
        command
            .arg(1)
            .arg(&name)
            .arg(&shared.process)
            .arg(LIFETIME_MS);
    };
    let answer = shared
        .link
        .script(&scripts::PRESENCE, arguments, shared.deadline());
    if let Ok(redis::Value::Int(count)) = answer.await {
        let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        shared.replicas.store(count, Ordering::Relaxed);
    }
}
