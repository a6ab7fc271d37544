use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use super::{leases::Unused, scripts, shared::Shared};

/// Interval of the presence report, the mark check and the sweep of idle leases.
const SWEEP: Duration = Duration::from_secs(1);
/// A process that has not reported for this long counts as stopped.
const LIFETIME_MS: u64 = 10_000;

/// Reports this process to the others, counts them, and refunds idle leases.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        report_presence(&shared).await;
        // An unreachable Redis is checked when it is back.
        let _ = shared.look_at_mark(shared.deadline(), true).await;
        for unused in shared.leases.sweep() {
            let Unused {
                name,
                plan,
                units,
                charged,
                age,
            } = unused;
            let refund = shared.refund(&name, plan, units, charged, age);
            if refund.await.is_err() {
                // The units count until their window ends.
                tracing::debug!("failed to refund leased rate-limit units to Redis");
            }
        }
    }
}

async fn report_presence(shared: &Shared) {
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
