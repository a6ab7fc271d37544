use std::sync::Arc;

use axum::response::Response;
use futures_util::FutureExt;

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

/// Charges what a request has really cost.
#[cold]
fn correct(shared: Arc<Shared>, limits: Arc<Limits>, passed: Passed, cost: Cost) {
    let engine = shared.waygate.inner.clone();
    let adjust = async move {
        for (claim, take) in limits.takes_by_claim(&passed.claims) {
            let units = i64::from(claim.cost) - i64::from(cost.0);
            if units != 0 {
                engine.counters.adjust(take, units, passed.at).await;
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
