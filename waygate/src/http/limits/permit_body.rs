use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::engine::PermitGuard;

/// A body that holds permits until it is sent or dropped.
#[derive(Debug)]
pub(super) struct PermitBody {
    body: Body,
    permits: Option<Vec<PermitGuard>>,
}

impl PermitBody {
    pub(super) fn new(body: Body, permits: Vec<PermitGuard>) -> Self {
        Self {
            body,
            permits: Some(permits),
        }
    }
}

impl http_body::Body for PermitBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            // A server may keep the body after its end.
            self.permits = None;
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
