use axum::{body::Body, extract::Request, response::Response};
use http::request::Parts;

use super::{
    Arrived, HeldUpgrade,
    functions::{answer, ask},
    permit_body::PermitBody,
};
use crate::{
    engine::{Full, LimitRefusal, PermitGuard, acquire},
    http::functions,
};

/// The permits of one request. Dropping them releases them.
#[derive(Debug)]
pub(in crate::http) struct Permits(Vec<PermitGuard>);

impl Permits {
    /// Acquires the permits that a request needs, or none.
    pub(super) async fn acquire(
        arrived: Arrived<'_>,
        parts: Parts,
    ) -> (Parts, Result<Self, LimitRefusal>) {
        if arrived.limits.concurrency.is_empty() {
            return (parts, Ok(Self(Vec::new())));
        }
        let functions = &functions(&arrived.route.attached).limits;
        let (parts, asked) = ask(functions.concurrency_keys(), parts).await;
        let facts = arrived.facts(&parts);
        let wanted = arrived.limits.permit_requests(&facts, |limit| {
            let (index, own) = functions.concurrency(limit)?;
            answer(index, own.key.as_ref(), &asked, &parts)
        });
        let acquired = acquire(arrived.engine, wanted, facts.info(&arrived.route.key)).await;
        let permits = acquired.map(Self);
        (
            parts,
            permits.map_err(|Full(limit)| LimitRefusal::Concurrency(limit)),
        )
    }

    pub(in crate::http) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Serves the request, and holds the permits until the body of the response is sent or dropped. If the response
    /// switches protocols, they are held until the upgraded connection is dropped.
    pub(in crate::http) async fn serve<F, E>(
        self,
        reach: impl FnOnce(Request) -> F,
        mut request: Request,
    ) -> Result<Response, E>
    where
        F: Future<Output = Result<Response, E>>,
    {
        let Self(permits) = self;
        let Some(first) = permits.first() else {
            return reach(request).await;
        };
        let runtime = first.runtime().clone();
        let upgrade = HeldUpgrade::prepare(&mut request);
        let response = reach(request).await?;
        if let Some(upgrade) = upgrade
            && upgrade.is_agreed_by(&response)
        {
            upgrade.hold(permits, &runtime);
            return Ok(response);
        }
        Ok(response.map(|body| Body::new(PermitBody::new(body, permits))))
    }
}
