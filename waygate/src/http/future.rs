use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::response::Response;
use http::header;
use pin_project_lite::pin_project;

use crate::engine::DeprecationHeaders;

pin_project! {
    /// The answer of the endpoint, or the one that stands in its place.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Inner { #[pin] future: F },
        Deprecated { #[pin] future: F, announcement: Option<DeprecationHeaders> },
        Ready { response: Option<Response> },
        Answer { future: Pin<Box<dyn Future<Output = Response> + Send>> },
    }
}

impl<F> std::fmt::Debug for State<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inner { .. } => "Inner",
            Self::Deprecated { .. } => "Deprecated",
            Self::Ready { .. } => "Ready",
            Self::Answer { .. } => "Answer",
        })
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) fn inner(future: F) -> Self {
        Self {
            state: State::Inner { future },
        }
    }

    pub(super) fn deprecated(future: F, announcement: Option<DeprecationHeaders>) -> Self {
        Self {
            state: State::Deprecated {
                future,
                announcement,
            },
        }
    }

    pub(super) fn ready(response: Response) -> Self {
        Self {
            state: State::Ready {
                response: Some(response),
            },
        }
    }

    pub(super) fn answer(future: impl Future<Output = Response> + Send + 'static) -> Self {
        Self {
            state: State::Answer {
                future: Box::pin(future),
            },
        }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Inner { future } => future.poll(cx),
            StateProjection::Deprecated {
                future,
                announcement,
            } => {
                let mut response = ready!(future.poll(cx))?;
                announce(&mut response, announcement.take());
                Poll::Ready(Ok(response))
            }
            // Polled again after completion, which the contract of `Future` leaves open: wait for ever.
            StateProjection::Ready { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
            StateProjection::Answer { future } => future.as_mut().poll(cx).map(Ok),
        }
    }
}

fn announce(response: &mut Response, announcement: Option<DeprecationHeaders>) {
    let headers = response.headers_mut();
    for (name, value) in announcement.iter().flat_map(|headers| headers.iter()) {
        // A handler may have links of its own; the other two are ours to say.
        if *name == header::LINK {
            headers.append(name, value.clone());
        } else {
            headers.insert(name, value.clone());
        }
    }
}
