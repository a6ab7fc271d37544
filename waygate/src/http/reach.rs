use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use futures_util::future::Either;
use pin_project_lite::pin_project;
use tower::Service;

use super::{
    endpoint::Endpoint,
    future::Pending,
    handler_gate::Follow,
    kept::keep,
    watch::{self, Watching},
};

/// Calls an endpoint, and looks for annotated handlers other than the one bound to its route.
pub(super) fn reach<S>(
    inner: &mut S,
    endpoint: &Arc<Endpoint>,
    request: Request,
    follow: Follow,
) -> Either<Light<S::Future>, Pending<S::Error>>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    match endpoint.watch.light() {
        Some(watching) => Either::Left(Light {
            future: inner.call(request),
            watching,
        }),
        None => Either::Right(keep(inner, endpoint, request, follow)),
    }
}

pin_project! {
    /// The response of an endpoint that keeps nothing of the request.
    #[must_use = "futures do nothing unless polled"]
    pub(super) struct Light<F> {
        #[pin]
        future: F,
        watching: Watching,
    }
}

impl<F, E> Future for Light<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        watch::poll(this.future, *this.watching, cx)
    }
}
