use std::task::{Context, Poll};

use axum::{Router, extract::Request};
use tower::{Layer, Service};

/// The router behind a no-op layer: the minimum cost of any layer.
pub fn floor(router: Router) -> Router {
    router.layer(Nothing)
}

#[derive(Debug, Clone)]
struct Nothing;

#[derive(Debug, Clone)]
struct Pass<S>(S);

impl<S> Layer<S> for Nothing {
    type Service = Pass<S>;

    fn layer(&self, inner: S) -> Pass<S> {
        Pass(inner)
    }
}

impl<S: Service<Request>> Service<Request> for Pass<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        self.0.call(request)
    }
}
