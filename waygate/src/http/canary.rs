//! Two handlers on one route.

use std::{
    future::Future,
    pin::Pin,
    sync::Once,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    handler::Handler,
    response::Response,
};
use bytes::Bytes;
use futures_util::future::Either;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use waygate_core::Printable;

use crate::engine::{Arm, ArmRequest, FlagRequest, PreparedFlags, TypedFlag, note_late_caller};

/// Serves a request with one of two handlers: the candidate if the flag is on for the context of the request.
///
/// Only the layer knows the flags of a request. Without it, the stable handler serves all requests.
pub fn canary<Candidate, OfCandidate, Stable, OfStable, S>(
    flag: TypedFlag<bool>,
    mut request: Request,
    state: S,
    candidate: Candidate,
    stable: Stable,
) -> ArmFuture<Candidate::Future, Stable::Future>
where
    Candidate: Handler<OfCandidate, S>,
    Stable: Handler<OfStable, S>,
{
    note_late_caller(request.extensions_mut());
    let (arm, counted) = choose(flag, &request);
    let answer = match arm {
        Arm::Candidate => Either::Left(candidate.call(request, state)),
        Arm::Stable => Either::Right(stable.call(request, state)),
    };
    ArmFuture { answer, counted }
}

pin_project! {
    /// The response of one of two handlers. A type of its own, since the types of handlers must not be part of it:
    /// rustc cannot prove that futures with some of them are `Send`.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ArmFuture<Candidate, Stable> {
        #[pin]
        answer: Either<Candidate, Stable>,
        counted: Option<ArmRequest>,
    }
}

impl<Candidate, Stable> Future for ArmFuture<Candidate, Stable>
where
    Candidate: Future<Output = Response>,
    Stable: Future<Output = Response>,
{
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = self.project();
        let response = ready!(this.answer.poll(cx));
        let Some(mut counted) = this.counted.take() else {
            return Poll::Ready(response);
        };
        let has_failed = response.status().is_server_error();
        counted.complete(has_failed);
        Poll::Ready(match has_failed {
            true => response,
            false => response.map(|body| {
                let counted = Some(counted);
                Body::new(CountedBody { body, counted })
            }),
        })
    }
}

/// Chooses the handler, and starts to count.
fn choose(flag: TypedFlag<bool>, request: &Request) -> (Arm, Option<ArmRequest>) {
    let Some(prepared) = request.extensions().get::<PreparedFlags>() else {
        warn(flag, request);
        return (Arm::Stable, None);
    };
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let head = FlagRequest::new(method, uri, headers, request.extensions());
    let is_on = prepared.with_context(&head, |evaluation| flag.get(evaluation));
    let arm = match is_on {
        true => Arm::Candidate,
        false => Arm::Stable,
    };
    let canary = prepared.canary.clone();
    let canary = canary.filter(|canary| std::ptr::eq(canary.flag, flag.declared()));
    let counted =
        canary.map(|canary| ArmRequest::start(canary, arm, prepared.flags.shared_clock()));
    (arm, counted)
}

#[cold]
fn warn(flag: TypedFlag<bool>, request: &Request) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let path = request.extensions().get::<MatchedPath>();
        let path = path.map_or_else(|| request.uri().path(), MatchedPath::as_str);
        tracing::warn!(
            flag = %Printable(flag.key()),
            path = ?Printable(path),
            "a handler with `#[canary]` runs on a route that it is not bound to, so its stable handler serves all \
             requests; only the first one is logged"
        );
    });
}

/// A response body that records its failure in the facts of its handler.
#[derive(Debug)]
struct CountedBody {
    body: Body,
    /// `None` after a failure, which counts once.
    counted: Option<ArmRequest>,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Err(_)) = &frame
            && let Some(counted) = self.counted.take()
        {
            counted.fail();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
