use axum::{extract::Request, response::Response};
use http::HeaderName;

use super::{
    super::{BlockReason, Blocked, ConcurrencyLimited, facts::RequestFacts, layer::Shared, reply},
    admit::{method_name, request_id},
    functions::{ask, told},
    held_body::HeldBody,
    upgrade::HeldUpgrade,
};
use crate::engine::{Concurrency, Entering, Full, Held, Limits, RateLimitHeaders, Registered};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// In how many seconds a refused request is worth another try.
const RETRY_AFTER: u64 = 1;

/// The places that a request has taken. They are given back when what holds them is dropped.
#[derive(Debug)]
pub(super) struct Places(Vec<Held>);

/// Takes the places that a request needs; `Err` is the answer when there is none.
pub(super) async fn enter(
    shared: &Shared,
    route: &Registered,
    limits: &Limits,
    request: Request,
) -> Result<(Request, Places), Response> {
    if limits.concurrency.is_empty() {
        return Ok((request, Places(Vec::new())));
    }
    let engine = &shared.waygate.inner;
    let functions = &route.attached.limits;
    let (parts, body) = request.into_parts();
    let (parts, asked) = ask(functions.concurrency_keys(), parts).await;
    let facts = RequestFacts::of_parts(&parts, engine).of_route(&route.key);
    let seats = limits.seats(&facts, |limit| {
        let (index, own) = functions.concurrency(limit)?;
        told(index, own.key.as_ref(), &asked, &parts)
    });
    let request = Request::from_parts(parts, body);
    let entering = Entering {
        engine,
        route: &route.key,
        method: method_name(request.method()),
        request_id: request_id(request.headers()),
    };
    match entering.occupy(seats).await {
        Ok(held) => Ok((request, Places(held))),
        Err(Full(limit)) => Err(refused(shared, route, request, &limit).await),
    }
}

impl Places {
    /// Serves the request, holding the places until the body of the answer has been sent or dropped. Where the answer
    /// switches protocols, they are held until the upgraded connection is dropped.
    pub(super) async fn serve<F, E>(
        self,
        reach: impl FnOnce(Request) -> F,
        mut request: Request,
    ) -> Result<Response, E>
    where
        F: Future<Output = Result<Response, E>>,
    {
        let Self(held) = self;
        let Some(first) = held.first() else {
            return reach(request).await;
        };
        let runtime = first.runtime().clone();
        let upgrade = HeldUpgrade::prepare(&mut request);
        let response = reach(request).await?;
        if let Some(upgrade) = upgrade
            && upgrade.is_agreed_by(&response)
        {
            upgrade.hold(held, &runtime);
            return Ok(response);
        }
        Ok(response.map(|body| axum::body::Body::new(HeldBody::new(body, held))))
    }
}

/// The answer to a request that finds no place.
#[cold]
async fn refused(
    shared: &Shared,
    route: &Registered,
    request: Request,
    limit: &Concurrency,
) -> Response {
    let engine = &shared.waygate.inner;
    let reason = BlockReason::ConcurrencyLimited(ConcurrencyLimited {
        policy: limit.key.clone(),
        limit: limit.fields.limit.get(),
        retry_after: RETRY_AFTER,
    });
    let attached = &route.attached;
    let own = attached.limits.concurrency(limit);
    let responder = own
        .and_then(|(_, own)| own.response.as_ref())
        .or_else(|| attached.responses.of(&reason))
        .or_else(|| shared.responses().of(&reason))
        .cloned();
    let (parts, _body) = request.into_parts();
    let blocked = Blocked::new(parts, reason, engine);
    let mut response = reply::limited(responder, blocked).await;
    let which = engine.limiting.headers;
    if matches!(which, RateLimitHeaders::Both | RateLimitHeaders::Standard)
        && let Some(advertised) = &limit.advertised
    {
        response.headers_mut().insert(POLICY, advertised.clone());
    }
    response
}
