use std::sync::Arc;

use axum::{extract::Request, response::Response};
use futures_util::FutureExt;

use super::{
    super::{admitted::Admitted, endpoint::Endpoint, future::announce, watch::Watching},
    Cost, headers,
};
use crate::engine::{Inner, Limits, Passed, StateHeaders};

/// On an answer: the request was refused further inside, so that it is not to be charged for what it has passed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uncharged;

/// What is left to do when the endpoint has answered.
pub(crate) struct After {
    /// `None` where no controlled route was asked for.
    admitted: Option<Admitted>,
    announcement: Option<StateHeaders>,
    counted: Option<CountedRequest>,
    /// What the endpoint is polled with.
    pub(crate) watching: Watching,
}

/// A request that was counted, and passed.
struct CountedRequest {
    endpoint: Arc<Endpoint>,
    limits: Arc<Limits>,
    passed: Passed,
}

impl After {
    /// The answer tells of the route's state.
    pub(crate) fn announcing(admitted: Option<Admitted>, announcement: StateHeaders) -> Box<Self> {
        Box::new(Self {
            admitted,
            announcement: Some(announcement),
            counted: None,
            watching: Watching::NOTHING,
        })
    }

    /// The answer tells how the client stands, and may say what the request has cost.
    #[inline(always)]
    pub(super) fn counted(
        admitted: Admitted,
        endpoint: Arc<Endpoint>,
        limits: Arc<Limits>,
        passed: Passed,
        announcement: Option<StateHeaders>,
    ) -> Box<Self> {
        let counted = Some(CountedRequest {
            endpoint,
            limits,
            passed,
        });
        // Written where it stays.
        Box::write(
            Box::new_uninit(),
            Self {
                admitted: Some(admitted),
                announcement,
                counted,
                watching: Watching::NOTHING,
            },
        )
    }

    /// Marks the request.
    #[cold]
    pub(crate) fn mark(&mut self, engine: &Inner, request: &mut Request) {
        let marked = |admitted: Admitted| admitted.marking(engine, request.extensions_mut());
        self.admitted = self.admitted.map(marked);
    }

    /// What the endpoint is polled as.
    #[inline]
    pub(crate) fn admitted(&self) -> Option<Admitted> {
        self.admitted
    }

    /// Does it to the answer.
    pub(crate) fn complete(&mut self, mut response: Response) -> Response {
        if response.extensions().get::<Uncharged>().is_some() {
            if let Some(counted) = self.counted.take() {
                counted.correct(Cost(0));
            }
            return response;
        }
        if let Some(counted) = &self.counted {
            counted.tell(&mut response);
        }
        if self.announcement.is_some() {
            announce(response.headers_mut(), self.announcement.take());
        }
        if let Some(cost) = response.extensions_mut().remove::<Cost>()
            && let Some(counted) = self.counted.take()
        {
            counted.correct(cost);
        }
        response
    }
}

impl CountedRequest {
    #[inline]
    fn tell(&self, response: &mut Response) {
        let engine = &self.endpoint.shared.waygate.inner;
        headers::of_passed(response.headers_mut(), engine, &self.limits, &self.passed);
    }

    /// Charges what a request has really cost. What it gives back is given to the window that it was taken from, or to
    /// none.
    #[cold]
    fn correct(self, cost: Cost) {
        let Self {
            endpoint,
            limits,
            passed,
        } = self;
        let engine = endpoint.shared.waygate.inner.clone();
        let is_shared = engine.counters.shared.is_some();
        let runtime = engine.runtime.clone();
        let adjust = async move {
            let (counters, mode) = (&engine.counters, passed.mode);
            for (rate, charge) in limits.takes_by_claim(&passed.claims).enumerate() {
                let (was, is) = (u64::from(charge.0.cost), u64::from(cost.0));
                let now = engine.limit_clock.now(&*engine.clock);
                if is > was {
                    counters.charge(&limits, charge, is - was, now, mode).await;
                } else if is < was {
                    let taken = passed.taken(rate);
                    counters.give_back(charge, was - is, taken, now, mode).await;
                }
            }
        };
        if is_shared {
            runtime.spawn(adjust);
        } else {
            // Counters of this process do not wait.
            let _ = adjust.now_or_never();
        }
    }
}
