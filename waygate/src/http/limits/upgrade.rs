//! Connections that switch protocols (101 over HTTP/1.1, RFC 9110, section 7.8; `CONNECT`, over HTTP/2 as RFC 8441
//! extends it), and hold permits until they are closed.
//!
//! The handler owns such a connection as an opaque [`Upgraded`], which only hyper can create. To create a second one,
//! hyper serves an upgrade over a [`Wire`] that simulates the client, and that is replaced with the real connection
//! after the real upgrade. Nothing is copied or buffered in between, and both end together.

use std::{
    convert::Infallible,
    fmt,
    future::ready,
    io::{self, IoSlice},
    pin::Pin,
    sync::mpsc,
    task::{Context, Poll, ready},
};

use axum::{body::Body, extract::Request, response::Response};
use futures_util::FutureExt;
use http::{Method, StatusCode};
use hyper::{
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
    service::service_fn,
    upgrade::{OnUpgrade, Upgraded},
};
use tokio::{runtime::Handle, sync::oneshot};

use waygate_core::Printable;

/// The request of the simulated client.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: held\r\n\r\n";

/// The minimum size of hyper's buffer.
const BUFFER: usize = 8192;

/// An upgrade that a request has requested and no response has accepted yet. Dropping it fails the upgrade for the
/// handler.
pub(in crate::http) struct HeldUpgrade {
    by_connect: bool,
    real: OnUpgrade,
    /// Turns the wire into the real connection.
    open: oneshot::Sender<Line>,
    /// Hands the wire to the handler.
    handover: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
}

impl HeldUpgrade {
    /// Replaces the upgrade in the request's extensions, if there is one.
    pub(in crate::http) fn prepare(request: &mut Request) -> Option<Self> {
        let real = request.extensions_mut().remove::<OnUpgrade>()?;
        let (open, line) = oneshot::channel();
        let wire = Wire::Opening {
            request: REQUEST,
            line,
        };
        let (ask, asked) = mpsc::channel();
        let agree = service_fn(move |request: http::Request<Incoming>| {
            // Received below.
            let _ = ask.send(hyper::upgrade::on(request));
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            ready(Ok::<_, Infallible>(response))
        });
        let mut handover = http1::Builder::new()
            // Nothing is read from the wire beyond the request.
            .half_close(true)
            .header_read_timeout(None)
            .max_buf_size(BUFFER)
            .serve_connection(wire, agree)
            .with_upgrades()
            .boxed();
        // The request can be read; the response waits until the wire is open.
        let is_waiting = handover.as_mut().now_or_never().is_none();
        let Some(held) = asked.try_recv().ok().filter(|_| is_waiting) else {
            request.extensions_mut().insert(real);
            return None;
        };
        request.extensions_mut().insert(held);
        Some(Self {
            by_connect: request.method() == Method::CONNECT,
            real,
            open,
            handover,
        })
    }

    /// Returns `true` if this response hands the connection to the handler.
    pub(in crate::http) fn is_agreed_by(&self, response: &Response) -> bool {
        let status = response.status();
        status == StatusCode::SWITCHING_PROTOCOLS || self.by_connect && status.is_success()
    }

    /// Holds a value, such as permits, until the connection is dropped.
    pub(in crate::http) fn hold(self, held: impl Send + 'static, runtime: &Handle) {
        let Self {
            real,
            open,
            handover,
            ..
        } = self;
        runtime.spawn(async move {
            let upgraded = match real.await {
                Ok(upgraded) => upgraded,
                Err(error) => {
                    tracing::debug!(error = %Printable(error), "a connection was not upgraded");
                    return;
                }
            };
            let line = Line {
                upgraded,
                _held: Box::new(held),
            };
            if open.send(line).is_ok()
                && let Err(error) = handover.await
            {
                tracing::debug!(error = %Printable(error), "an upgraded connection ended immediately");
            }
        });
    }
}

impl fmt::Debug for HeldUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldUpgrade").finish_non_exhaustive()
    }
}

/// A connection with its held values.
struct Line {
    upgraded: Upgraded,
    _held: Box<dyn Send>,
}

/// The handler's side of the connection.
enum Wire {
    /// Simulates a client that requests an upgrade, and reads the response once the real connection is open.
    Opening {
        request: &'static [u8],
        line: oneshot::Receiver<Line>,
    },
    Open(Line),
}

impl Wire {
    fn upgraded(&mut self) -> Option<Pin<&mut Upgraded>> {
        match self {
            Self::Opening { .. } => None,
            Self::Open(line) => Some(Pin::new(&mut line.upgraded)),
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Opening { request: [], .. } => Poll::Pending,
            Self::Opening { request, .. } => {
                let (now, later) = request.split_at(request.len().min(buf.remaining()));
                buf.put_slice(now);
                *request = later;
                Poll::Ready(Ok(()))
            }
            Self::Open(line) => Pin::new(&mut line.upgraded).poll_read(cx, buf),
        }
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Opening { line, .. } => match ready!(Pin::new(line).poll(cx)) {
                Ok(line) => {
                    // This is the whole response, since hyper writes the head from one buffer.
                    *self = Self::Open(line);
                    Poll::Ready(Ok(buf.len()))
                }
                Err(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            },
            Self::Open(line) => Pin::new(&mut line.upgraded).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.upgraded() {
            Some(upgraded) => upgraded.poll_write_vectored(cx, bufs),
            None => {
                let first = bufs.iter().find(|buf| !buf.is_empty());
                self.poll_write(cx, first.map_or(&[], |buf| buf))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Opening { .. } => false,
            Self::Open(line) => line.upgraded.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.upgraded() {
            Some(upgraded) => upgraded.poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.upgraded() {
            Some(upgraded) => upgraded.poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
