use std::sync::Arc;

use axum::response::Response;
use futures_util::FutureExt;
use waygate_core::limit::quota::SECOND;

use super::{
    super::{future::announce, layer::Shared},
    Cost, headers,
};
use crate::engine::{DeprecationHeaders, Limits, Passed, RateLimitHeaders};

/// What is left to do when the endpoint has answered.
pub(crate) struct After {
    pub(super) shared: Arc<Shared>,
    pub(super) limits: Arc<Limits>,
    pub(super) passed: Passed,
    pub(super) announcement: Option<DeprecationHeaders>,
}

impl After {
    pub(crate) fn complete(self, mut response: Response) -> Response {
        let Self {
            shared,
            limits,
            passed,
            announcement,
        } = self;
        let engine = &shared.waygate.inner;
        let which = engine.limiting.headers;
        if let Some(told) = &passed.told
            && which != RateLimitHeaders::Off
        {
            let headers = response.headers_mut();
            headers::write(headers, which, &limits, &passed.claims, told, passed.at);
        }
        if announcement.is_some() {
            announce(&mut response, announcement);
        }
        if let Some(cost) = response.extensions_mut().remove::<Cost>() {
            correct(shared, limits, passed, cost);
        }
        response
    }
}

/// Charges what a request has really cost. What it gives back is given to the window that it was taken from, or to none.
#[cold]
fn correct(shared: Arc<Shared>, limits: Arc<Limits>, passed: Passed, cost: Cost) {
    let engine = shared.waygate.inner.clone();
    let adjust = async move {
        for (claim, take) in limits.takes_by_claim(&passed.claims) {
            let units = i64::from(claim.cost) - i64::from(cost.0);
            let now = engine.limit_clock.now(&*engine.clock);
            let window = take.rule.window_seconds(passed.at).saturating_mul(SECOND);
            let is_over = now.saturating_sub(passed.at) >= window;
            if units < 0 || units > 0 && !is_over {
                engine.counters.adjust(take, units, now, passed.mode).await;
            }
        }
    };
    if shared.waygate.inner.counters.shared.is_some() {
        shared.waygate.inner.runtime.spawn(adjust);
    } else {
        // Counters of this process do not wait.
        let _ = adjust.now_or_never();
    }
}
