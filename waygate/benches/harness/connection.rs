use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};

/// The server's end of a connection. The client repeats one request a number of times, and checks the status of the
/// responses.
pub(crate) struct Connection {
    request: Vec<u8>,
    /// The length of the current request that was sent.
    sent: usize,
    requests_left: u32,
    /// The client waits for a response.
    waits: bool,
}

impl Connection {
    pub(crate) fn new(path: &str, requests: u32) -> Self {
        Self {
            request: format!("GET {path} HTTP/1.1\r\nhost: example.com\r\n\r\n").into_bytes(),
            sent: 0,
            requests_left: requests,
            waits: false,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        assert!(
            self.requests_left == 0 && !self.waits,
            "a request without a response"
        );
    }
}

impl Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.waits {
            return Poll::Pending;
        }
        // Without a request, nothing is read, which ends the connection.
        if self.requests_left > 0 {
            let rest = &self.request[self.sent..];
            let now = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..now]);
            self.sent += now;
            if self.sent == self.request.len() {
                self.sent = 0;
                self.waits = true;
                self.requests_left -= 1;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        assert!(bytes.starts_with(b"HTTP/1.1 200"), "a refusal");
        self.waits = false;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
