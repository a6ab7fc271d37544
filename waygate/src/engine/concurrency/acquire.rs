use std::sync::Arc;

use uuid::Uuid;
use waygate_core::{
    Printable,
    limit::quota::{Nanos, SECOND},
    port::CounterError,
};

use super::{Concurrency, PermitGuard, PermitId, PermitRequests};
use crate::engine::{
    CountingMode, DecisionCause, Inner,
    limits::{Counters, Hit, LimitedKey, RequestInfo, instant},
};

/// The limit that has no permit left.
#[derive(Debug)]
pub(crate) struct Full(pub(crate) Arc<Concurrency>);

/// The result of one permit request.
struct Answer {
    allowed: bool,
    /// Why the shared store did not decide.
    fault: Option<CounterError>,
}

/// Acquires all permits that a request needs, or none.
pub(crate) async fn acquire(
    engine: &Arc<Inner>,
    wanted: PermitRequests,
    request: RequestInfo<'_>,
) -> Result<Vec<PermitGuard>, Full> {
    let mut held = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let now = engine.counters.clock.now();
        let mut permit = PermitGuard::request(&engine.counters, wanted);
        let Answer { allowed, fault } = engine.counters.acquire(permit.id(), now).await;
        engine.note_counters(fault.as_ref());
        if !allowed {
            let PermitId { limit, key, .. } = permit.id().clone();
            limit.stats.refuse();
            record(engine, &limit, request, fault.is_some(), now);
            engine.book.hit(hit(&limit, key, request, now));
            // A shared store that timed out may have granted a permit.
            if fault.is_none() {
                permit.refuse();
            }
            return Err(Full(limit));
        }
        permit.grant();
        held.push(permit);
    }
    Ok(held)
}

#[cold]
fn hit(limit: &Concurrency, key: LimitedKey, request: RequestInfo<'_>, now: Nanos) -> Hit {
    Hit {
        id: Uuid::new_v4(),
        at: instant(now),
        method: request.method().into(),
        route: request.route.clone(),
        policy: limit.key.clone(),
        key,
        limit: format!("{} at a time", limit.fields.limit).into(),
        tier: None,
        reset_at: instant(now.saturating_add(SECOND)),
        enforced: true,
    }
}

#[cold]
fn record(
    engine: &Inner,
    limit: &Concurrency,
    request: RequestInfo<'_>,
    was_local: bool,
    now: Nanos,
) {
    if let Some(mut record) = request.record(instant(now)) {
        record.refused_by = Some(limit.key.clone());
        record.cause = Some(DecisionCause::Concurrency);
        if was_local {
            record.mode = CountingMode::Local;
        }
        engine.decisions.record(record);
    }
}

impl Counters {
    /// Acquires a permit in the configured store. This process counts too, so that it knows its own requests if the
    /// shared store is unavailable; it then grants its own share.
    async fn acquire(&self, id: &PermitId, now: Nanos) -> Answer {
        let limit = id.limit.fields.limit.get();
        let here = |limit| self.local.acquire_at(&id.local(limit), now).allowed;
        let Some(shared) = &self.shared else {
            return Answer {
                allowed: here(limit),
                fault: None,
            };
        };
        let call = shared.store.acquire(id.shared(), now);
        match shared.in_time(call).await {
            Ok(answer) => {
                if answer.allowed {
                    here(u32::MAX);
                }
                Answer {
                    allowed: answer.allowed,
                    fault: None,
                }
            }
            Err(fault) => {
                let share = (limit / shared.store.replicas().max(1)).max(1);
                Answer {
                    allowed: here(share),
                    fault: Some(fault),
                }
            }
        }
    }

    /// Releases a permit in the shared store.
    pub(super) async fn release(&self, id: &PermitId) {
        let Some(shared) = &self.shared else {
            return;
        };
        if let Err(error) = shared.in_time(shared.store.release(id.shared())).await {
            tracing::debug!(error = %Printable(error), "failed to release a concurrency permit; that is retried until it expires");
            shared.unreleased.add(id.clone());
            shared.behind.notify_one();
        }
    }
}
