//! Waygate in front of handlers on bare hyper.
//!
//! A framework finds the handler of a request, and lets the engine decide before it calls the handler. This one only
//! has a router. An adapter to another framework has the same four steps, in [`App::respond`].

#![allow(missing_debug_implementations)] // Closures have none.

mod held;
mod route;

use std::{
    collections::HashMap, convert::Infallible, error::Error, io, net::SocketAddr, sync::Arc,
};

use http::{Method, Request, Response, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use waygate::{
    Waygate,
    decision::{Decision, RequestHead},
};

pub use held::Held;
use route::Handler;
pub use route::{Answer, Route};

/// Handlers by path and method, behind an engine.
pub struct App {
    waygate: Waygate,
    paths: matchit::Router<Path>,
}

struct Path {
    template: String,
    handlers: HashMap<Method, Handler>,
}

impl App {
    /// Registers the routes, each of which has a method.
    ///
    /// # Errors
    /// If a route is invalid, or contradicts another one.
    pub async fn new(waygate: Waygate, routes: Vec<Route>) -> Result<Self, Box<dyn Error>> {
        let mut handlers: HashMap<String, HashMap<Method, Handler>> = HashMap::new();
        let mut registrations = Vec::new();
        for route in routes {
            let method = route.key.method().ok_or("a route needs a method")?;
            let of_path = handlers.entry(route.key.path().to_owned()).or_default();
            of_path.insert(method.as_str().parse()?, route.handler);
            registrations.push(route.registration);
        }
        waygate.register_all(registrations).await?;
        let mut paths = matchit::Router::new();
        for (template, handlers) in handlers {
            paths.insert(template.clone(), Path { template, handlers })?;
        }
        Ok(Self { waygate, paths })
    }

    /// Responds to one request.
    pub async fn respond(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Response<Held<String>> {
        // 1. Find the handler.
        let (parts, body) = request.into_parts();
        let path = self
            .paths
            .at(parts.uri.path())
            .ok()
            .map(|found| found.value);
        let handler = path.and_then(|path| path.handlers.get(&parts.method));

        // 2. Describe the request: the matched template, the peer, and whether a handler serves the method.
        let mut head = RequestHead::new(&parts).peer(peer.ip());
        if let Some(path) = path {
            head = head.matched(&path.template);
        }
        if handler.is_none() {
            head = head.unhandled();
        }

        // 3. Let the engine decide. A refused request gets the built-in response.
        let pass = match self.waygate.admit(head).await {
            Decision::Serve(pass) => pass,
            Decision::Refuse(refusal) => return refusal.response().map(Held::alone),
        };

        // 4. Call the handler, add the headers, and keep the permits until the body is sent.
        let mut response = match handler {
            Some(handler) => handler(Request::from_parts(parts, body)).await,
            None => empty(match path {
                Some(_) => StatusCode::METHOD_NOT_ALLOWED,
                None => StatusCode::NOT_FOUND,
            }),
        };
        pass.write_headers(response.headers_mut());
        response.map(|body| Held::new(body, pass))
    }

    /// Serves connections until the listener fails.
    ///
    /// # Errors
    /// The error of the listener.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        let app = Arc::new(self);
        loop {
            let (stream, peer) = listener.accept().await?;
            let app = app.clone();
            let service = service_fn(move |request| {
                let app = app.clone();
                async move { Ok::<_, Infallible>(app.respond(peer, request).await) }
            });
            // A failed connection only affects its client.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }
}

fn empty(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}
