use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, request::Parts};
use waygate_core::limit::quota::{Nanos, SECOND};

use super::super::{
    BlockReason, Blocked, ConcurrencyLimited, KeyMissing, RateLimited, Responder, Responses,
    facts::{RequestFacts, SeenBy},
    reply,
    shared::Shared,
};
use crate::engine::{
    Concurrency, Inner, POLICY, Refusal, RefusalCause, Registered, instant, missing_part,
};
use crate::http::functions;

/// The `Retry-After` of a concurrency limit, in seconds. The time when a permit is released is unknown.
const RETRY_AFTER: u64 = 1;

/// The refusal of a request by a limit.
#[derive(Debug)]
pub(in crate::http) enum LimitRefusal {
    Rate(Box<Refusal>),
    Concurrency(Arc<Concurrency>),
}

impl LimitRefusal {
    pub(in crate::http) async fn respond_in_layer(
        &self,
        parts: Parts,
        shared: &Shared,
        route: &Registered,
    ) -> Response {
        let (engine, responses) = (&shared.waygate.inner, Some(shared.responses()));
        let (_, response) = self
            .respond(parts, SeenBy::Layer, engine, route, responses)
            .await;
        response
    }

    /// Responds with the function of the limit, of the route or of the application, or with the built-in response.
    pub(in crate::http) async fn respond(
        &self,
        parts: Parts,
        seen_by: SeenBy,
        engine: &Inner,
        route: &Registered,
        responses: Option<&Responses>,
    ) -> (Blocked, Response) {
        let wait = self.wait(engine);
        let facts = RequestFacts::of_parts(&parts, engine, seen_by);
        let facts = facts.of_route(&route.key);
        let reason = self.reason(&facts, wait);
        let responder = self
            .responder(route)
            .or_else(|| functions(&route.attached).responses.of(&reason))
            .or_else(|| responses?.of(&reason))
            .cloned();
        let blocked = Blocked::new(parts, reason, engine);
        let mut response = reply::limited(responder, blocked.clone()).await;
        self.write_headers(response.headers_mut(), engine, wait);
        (blocked, response)
    }

    /// The function of the limit.
    fn responder<'a>(&self, route: &'a Registered) -> Option<&'a Responder> {
        let limits = &functions(&route.attached).limits;
        match self {
            Self::Rate(refusal) => limits.rate(&refusal.policy)?.1.response.as_ref(),
            Self::Concurrency(limit) => limits.concurrency(limit)?.1.response.as_ref(),
        }
    }

    /// The wait that the response names.
    fn wait(&self, engine: &Inner) -> Nanos {
        match self {
            Self::Rate(refusal) => refusal.wait(engine.limiting.jitter),
            Self::Concurrency(_) => RETRY_AFTER * SECOND,
        }
    }

    fn reason(&self, facts: &RequestFacts<'_>, wait: Nanos) -> BlockReason {
        match self {
            Self::Rate(refusal) if refusal.cause == RefusalCause::NoKey => {
                BlockReason::KeyMissing(key_missing(refusal, facts))
            }
            Self::Rate(refusal) => BlockReason::RateLimited(rate_limited(refusal, wait)),
            Self::Concurrency(limit) => BlockReason::ConcurrencyLimited(ConcurrencyLimited {
                policy: limit.key.clone(),
                limit: limit.fields.limit.get(),
                retry_after: RETRY_AFTER,
            }),
        }
    }

    fn write_headers(&self, headers: &mut HeaderMap, engine: &Inner, wait: Nanos) {
        match self {
            Self::Rate(refusal) => refusal.write_headers(headers, wait),
            Self::Concurrency(limit) if engine.limiting.headers.has_standard() => {
                if let Some(advertised) = &limit.advertised {
                    headers.insert(POLICY, advertised.clone());
                }
            }
            Self::Concurrency(_) => {}
        }
    }
}

fn key_missing(refusal: &Refusal, facts: &RequestFacts<'_>) -> KeyMissing {
    let policy = &refusal.policy;
    let missing = missing_part(&policy.fields.key, facts);
    let wants_credentials = policy.fields.when_missing().asks_for_credentials(missing);
    KeyMissing {
        policy: policy.key.clone(),
        missing: missing.cloned(),
        challenge: wants_credentials.then(|| facts.engine.answers.challenge(missing)),
    }
}

fn rate_limited(refusal: &Refusal, wait: Nanos) -> RateLimited {
    let policy = &refusal.policy;
    let too_costly = refusal.cause == RefusalCause::TooCostly;
    RateLimited {
        policy: policy.key.clone(),
        limit: policy.rates(refusal.tier).text.as_ref().to_owned(),
        tier: policy.tier_name(refusal.tier).cloned(),
        retry_after: wait.div_ceil(SECOND).max(u64::from(!too_costly)),
        reset_at: instant(refusal.at.saturating_add(refusal.least_wait())),
        store_gone: refusal.cause == RefusalCause::StoreGone,
        too_costly,
    }
}
