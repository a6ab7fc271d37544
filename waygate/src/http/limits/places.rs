use axum::{extract::Request, response::Response};
use http::HeaderName;

use super::{
    super::{BlockReason, Blocked, ConcurrencyLimited, facts::RequestFacts, layer::Shared, reply},
    admit::{method_name, request_id},
    functions::{ask, told},
    held_body::HeldBody,
};
use crate::engine::{Concurrency, Entering, Full, Held, Limits, RateLimitHeaders, Registered};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// In how many seconds a refused request is worth another try.
const RETRY_AFTER: u64 = 1;

/// Takes the places that a request needs; `Err` is the answer when there is none. They are given back when what holds them
/// is dropped.
pub(super) async fn enter(
    shared: &Shared,
    slot: usize,
    route: &Registered,
    limits: &Limits,
    request: Request,
) -> Result<(Request, Vec<Held>), Response> {
    if limits.concurrency.is_empty() {
        return Ok((request, Vec::new()));
    }
    let engine = &shared.waygate.inner;
    let declared = match shared.own(slot) {
        Some(own) => &*own.limits.concurrency,
        None => &[],
    };
    let (parts, body) = request.into_parts();
    let functions = declared.iter().map(|limit| limit.key.as_ref());
    let (parts, asked) = ask(functions, parts).await;
    let seats = limits.seats(&RequestFacts::of_parts(&parts, engine), |limit| {
        let index = declared
            .iter()
            .position(|declared| limit.is_declared && declared.policy.name == limit.key.name)?;
        told(index, declared[index].key.as_ref(), &asked, &parts)
    });
    let request = Request::from_parts(parts, body);
    let entering = Entering {
        engine,
        route: &route.key,
        method: method_name(request.method()),
        request_id: request_id(request.headers()),
    };
    match entering.occupy(seats).await {
        Ok(held) => Ok((request, held)),
        Err(Full(limit)) => Err(refused(shared, slot, request, &limit).await),
    }
}

/// The same answer, holding the places until its body has been sent or dropped.
pub(super) fn until_sent(response: Response, held: Vec<Held>) -> Response {
    if held.is_empty() {
        return response;
    }
    response.map(|body| axum::body::Body::new(HeldBody::new(body, held)))
}

/// The answer to a request that finds no place.
#[cold]
async fn refused(shared: &Shared, slot: usize, request: Request, limit: &Concurrency) -> Response {
    let engine = &shared.waygate.inner;
    let reason = BlockReason::ConcurrencyLimited(ConcurrencyLimited {
        policy: limit.key.clone(),
        limit: limit.fields.limit.get(),
        retry_after: RETRY_AFTER,
    });
    let responder = shared
        .own(slot)
        .and_then(|own| own.limits.concurrency(limit)?.response.as_ref())
        .or_else(|| shared.responses.of(&reason))
        .cloned();
    let (parts, _body) = request.into_parts();
    let blocked = Blocked::new(parts, reason, engine.clock.now());
    let mut response = reply::limited(responder, blocked).await;
    let which = engine.limiting.headers;
    if matches!(which, RateLimitHeaders::Both | RateLimitHeaders::Standard)
        && let Some(advertised) = &limit.advertised
    {
        response.headers_mut().insert(POLICY, advertised.clone());
    }
    response
}
