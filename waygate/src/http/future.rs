use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::response::Response;
use pin_project_lite::pin_project;

use super::{
    admitted::Admitted,
    limits::After,
    recorded,
    watch::{self, Watching},
};
use crate::engine::Recording;

pin_project! {
    /// The response of the endpoint, or the response that replaces it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub(crate) struct ResponseFuture<F, E> {
        #[pin]
        state: State<F, E>,
        // `None` if the request is not counted.
        recording: Option<Recording>,
    }
}

/// A pending response.
pub(super) type Pending<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<F, E> {
        Served { #[pin] served: Served<F> },
        Completed { #[pin] served: Completed<F> },
        Ready { response: Option<Response> },
        Waiting { future: Pending<E> },
    }
}

pin_project! {
    /// The future is the first field, so that the copy made right after it is written starts at the same address and
    /// benefits from store forwarding.
    #[repr(C)]
    struct Served<F> {
        #[pin]
        future: F,
        watching: Watching,
    }
}

pin_project! {
    /// Like [`Served`], with work after the response.
    #[repr(C)]
    struct Completed<F> {
        #[pin]
        future: F,
        watching: Watching,
        after: After,
    }
}

impl<F, E> std::fmt::Debug for State<F, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Served { .. } => "Served",
            Self::Completed { .. } => "Completed",
            Self::Ready { .. } => "Ready",
            Self::Waiting { .. } => "Waiting",
        })
    }
}

impl<F, E> ResponseFuture<F, E> {
    /// The response of the endpoint.
    #[inline(always)]
    pub(super) fn served(future: F, watching: Watching, recording: Option<Recording>) -> Self {
        Self {
            state: State::Served {
                served: Served { future, watching },
            },
            recording,
        }
    }

    /// The response of the endpoint, with work after it.
    #[inline(always)]
    pub(super) fn completed(
        future: F,
        watching: Watching,
        after: After,
        recording: Option<Recording>,
    ) -> Self {
        Self {
            recording,
            state: State::Completed {
                served: Completed {
                    future,
                    watching,
                    after,
                },
            },
        }
    }

    #[cold]
    pub(super) fn keeping(answer: Pending<E>, after: Option<After>) -> Self
    where
        E: 'static,
    {
        match after {
            None => Self::from_state(State::Waiting { future: answer }),
            Some(mut after) => Self::waiting(async move {
                let mut response = match after.admitted() {
                    Some(admitted) => admitted.scope(answer).await?,
                    None => answer.await?,
                };
                after.complete(&mut response);
                Ok(response)
            }),
        }
    }

    pub(super) fn ready(response: Response) -> Self {
        Self::from_state(State::Ready {
            response: Some(response),
        })
    }

    pub(super) fn waiting(
        future: impl Future<Output = Result<Response, E>> + Send + 'static,
    ) -> Self {
        Self::from_state(State::Waiting {
            future: Box::pin(future),
        })
    }

    fn from_state(state: State<F, E>) -> Self {
        Self {
            state,
            recording: None,
        }
    }

    /// Counts the request when the response is ready.
    pub(super) fn recorded(self, recording: Option<Recording>) -> Self {
        Self { recording, ..self }
    }
}

impl<F> Completed<F> {
    /// Polls the endpoint, and completes its response.
    #[inline(never)]
    fn poll<E>(
        self: Pin<&mut Self>,
        recording: &mut Option<Recording>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response, E>>
    where
        F: Future<Output = Result<Response, E>>,
    {
        let this = self.project();
        let after = this.after;
        let scope = after.admitted().map(Admitted::enter);
        watch::poll_and(this.future, *this.watching, cx, |polled| {
            drop(scope);
            if let Poll::Ready(Ok(response)) = polled {
                after.complete(response);
            }
            recorded::leave(recording, polled);
        })
    }
}

impl<F, E> Future for ResponseFuture<F, E>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let recording = this.recording;
        recorded::enter(recording);
        match this.state.project() {
            // Responses are large, so the caller takes them from where they were written.
            StateProjection::Served { served } => {
                let served = served.project();
                watch::poll_and(served.future, *served.watching, cx, |polled| {
                    recorded::leave(recording, polled);
                })
            }
            StateProjection::Completed { served } => served.poll(recording, cx),
            // `Future` does not specify polls after completion: stay pending.
            StateProjection::Ready { response } => match response.take() {
                Some(response) => {
                    let polled = Poll::Ready(Ok(response));
                    recorded::leave(recording, &polled);
                    polled
                }
                None => Poll::Pending,
            },
            StateProjection::Waiting { future } => {
                let polled = future.as_mut().poll(cx);
                recorded::leave(recording, &polled);
                polled
            }
        }
    }
}
