use axum::response::Response;
use http::request::Parts;

use super::super::{
    Responder, Responses,
    facts::{RequestFacts, SeenBy},
    functions, reply,
    shared::Shared,
};
use crate::engine::{Blocked, Inner, LimitRefusal, Registered};

/// A request that a limit refused.
pub(crate) struct Refused {
    pub(in crate::http) route: std::sync::Arc<Registered>,
    pub(in crate::http) refusal: LimitRefusal,
}

impl Refused {
    /// Responds on behalf of the layer, with the application's responses.
    pub(in crate::http) async fn respond(&self, parts: Parts, shared: &Shared) -> Response {
        let (engine, responses) = (&shared.waygate.inner, Some(shared.responses()));
        let (refusal, route) = (&self.refusal, &self.route);
        let (_, response) = respond(refusal, parts, SeenBy::Layer, engine, route, responses).await;
        response
    }
}

/// Responds with the function of the limit, of the route or of the application, or with the built-in response.
pub(in crate::http) async fn respond(
    refusal: &LimitRefusal,
    parts: Parts,
    seen_by: SeenBy,
    engine: &Inner,
    route: &Registered,
    responses: Option<&Responses>,
) -> (Blocked, Response) {
    let wait = refusal.wait(engine);
    let facts = RequestFacts::of_parts(&parts, engine, seen_by);
    let reason = refusal.reason(&facts.of_route(&route.key), engine, wait);
    let responder = responder(refusal, route)
        .or_else(|| functions(&route.attached).responses.of(&reason))
        .or_else(|| responses?.of(&reason))
        .cloned();
    let blocked = reply::blocked(parts, reason, engine);
    let mut response = reply::limited(responder, blocked.clone()).await;
    refusal.write_headers(response.headers_mut(), engine, wait);
    (blocked, response)
}

/// The function of the limit.
fn responder<'a>(refusal: &LimitRefusal, route: &'a Registered) -> Option<&'a Responder> {
    let limits = &functions(&route.attached).limits;
    match refusal {
        LimitRefusal::Rate(refusal) => limits.rate(&refusal.policy)?.1.response.as_ref(),
        LimitRefusal::Concurrency(limit) => limits.concurrency(limit)?.1.response.as_ref(),
    }
}
