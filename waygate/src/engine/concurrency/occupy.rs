use std::sync::Arc;

use uuid::Uuid;
use waygate_core::{
    Printable,
    limit::quota::{Nanos, SECOND},
    model::RouteKey,
    port::CounterError,
};

use super::{Concurrency, Held, Seat, Seats, Wanted};
use crate::engine::{
    CountingMode, DecisionCause, DecisionRecord, Inner,
    limits::{Counters, Hit, LimitedKey, instant},
};

/// One request that needs places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entering<'a> {
    pub(crate) engine: &'a Arc<Inner>,
    /// The route, as the log of hits files it.
    pub(crate) route: &'a RouteKey,
    pub(crate) method: &'a str,
    /// What the client calls the request, if it says so.
    pub(crate) request_id: Option<&'a str>,
}

/// The limit that has no place left.
#[derive(Debug)]
pub(crate) struct Full(pub(crate) Arc<Concurrency>);

/// What was said to one request for a place.
struct Said {
    allowed: bool,
    /// Why the shared store did not decide.
    fault: Option<CounterError>,
}

impl Entering<'_> {
    /// Takes all places that the request needs, or none.
    pub(crate) async fn occupy(&self, seats: Seats) -> Result<Vec<Held>, Full> {
        let engine = self.engine;
        let mut held = Vec::with_capacity(seats.len());
        for Wanted { limit, key } in seats {
            let now = engine.limit_clock.now(&*engine.clock);
            let mut asked = Held::ask(engine, limit, key);
            let Said { allowed, fault } = engine.counters.occupy(asked.seat(), now).await;
            engine.note_counters(fault.as_ref());
            if !allowed {
                let Seat { limit, key, .. } = asked.seat().clone();
                limit.stats.refuse();
                self.hit(&limit, key, now);
                self.record(&limit, fault.is_some(), now);
                // A shared store that did not answer in time may have given out a place all the same.
                if fault.is_none() {
                    asked.refuse();
                }
                return Err(Full(limit));
            }
            asked.take();
            held.push(asked);
        }
        Ok(held)
    }

    #[cold]
    fn hit(&self, limit: &Concurrency, key: LimitedKey, now: Nanos) {
        self.engine.book.hit(Hit {
            id: Uuid::new_v4(),
            at: instant(now),
            method: self.method.into(),
            route: self.route.clone(),
            policy: limit.key.clone(),
            key,
            limit: format!("{} at a time", limit.fields.limit).into(),
            tier: None,
            reset_at: instant(now.saturating_add(SECOND)),
            enforced: true,
        });
    }

    #[cold]
    fn record(&self, limit: &Concurrency, was_local: bool, now: Nanos) {
        let Some(request_id) = self.request_id else {
            return;
        };
        self.engine.decisions.record(DecisionRecord {
            request_id: request_id.to_owned(),
            at: instant(now),
            route: self.route.clone(),
            method: self.method.to_owned(),
            passed: false,
            refused_by: Some(limit.key.clone()),
            cause: Some(DecisionCause::Concurrency),
            reason: None,
            mode: match was_local {
                true => CountingMode::Local,
                false => CountingMode::Authoritative,
            },
            steps: Vec::new(),
            skipped: Vec::new(),
        });
    }
}

impl Counters {
    /// Takes a place where it is meant to be taken. This process counts along, so that it knows whom it serves when the
    /// shared store is gone; it then gives out its own share.
    async fn occupy(&self, seat: &Seat, now: Nanos) -> Said {
        let limit = seat.limit.fields.limit.get();
        let here = |limit| self.local.occupy_at(&seat.local(limit), now).allowed;
        let Some(shared) = &self.shared else {
            return Said {
                allowed: here(limit),
                fault: None,
            };
        };
        let call = shared.store.occupy(seat.shared(), now);
        match shared.in_time(call).await {
            Ok(told) => {
                if told.allowed {
                    here(u32::MAX);
                }
                Said {
                    allowed: told.allowed,
                    fault: None,
                }
            }
            Err(fault) => {
                let share = (limit / shared.store.replicas().max(1)).max(1);
                Said {
                    allowed: here(share),
                    fault: Some(fault),
                }
            }
        }
    }

    /// Gives a place back to the shared store.
    pub(super) async fn vacate(&self, seat: &Seat) {
        let Some(shared) = &self.shared else {
            return;
        };
        if let Err(error) = shared.in_time(shared.store.vacate(seat.shared())).await {
            tracing::debug!(error = %Printable(error), "a place was not given back; that is tried again until its lifetime is over");
            shared.vacated.add(seat.clone());
            shared.behind.notify_one();
        }
    }
}
