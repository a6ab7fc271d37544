use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use waygate::decision::Pass;

/// A body that keeps the permits of its request until it is sent or dropped.
pub struct Held<B> {
    body: B,
    pass: Option<Pass>,
}

impl<B> Held<B> {
    /// Creates the body of a served request.
    pub fn new(body: B, pass: Pass) -> Self {
        Self {
            body,
            pass: Some(pass),
        }
    }

    /// The body of a refusal.
    pub(crate) fn alone(body: B) -> Self {
        Self { body, pass: None }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            // A server may keep the body after its end.
            self.pass = None;
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
