//! Waygate in front of handlers on bare hyper.
//!
//! A framework finds the handler of a request, and lets the engine decide before it calls the handler. This one only
//! has a router. An adapter to another framework has the same four steps, in [`App::respond`].

#![allow(missing_debug_implementations)] // Closures have none.

mod held;
mod route;

use std::{
    collections::{HashMap, hash_map::Entry},
    convert::Infallible,
    error::Error,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, time::sleep};
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
    /// The methods, for a 405.
    allow: HeaderValue,
}

impl Path {
    fn new(template: String, handlers: HashMap<Method, Handler>) -> Result<Self, Box<dyn Error>> {
        let mut methods: Vec<&str> = handlers.keys().map(Method::as_str).collect();
        if handlers.contains_key(&Method::GET) && !handlers.contains_key(&Method::HEAD) {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        let allow = methods.join(", ").parse()?;
        Ok(Self {
            template,
            handlers,
            allow,
        })
    }

    /// The handler of a method. That of `GET` serves `HEAD` too, as for the engine; hyper drops the body.
    fn handler(&self, method: &Method) -> Option<&Handler> {
        let of_get = || match *method {
            Method::HEAD => self.handlers.get(&Method::GET),
            _ => None,
        };
        self.handlers.get(method).or_else(of_get)
    }
}

impl App {
    /// Registers the routes, each of which has a method.
    ///
    /// # Errors
    /// If a route is invalid, or two of them have the same requests.
    pub async fn new(waygate: Waygate, routes: Vec<Route>) -> Result<Self, Box<dyn Error>> {
        let mut handlers: HashMap<String, HashMap<Method, Handler>> = HashMap::new();
        let mut registrations = Vec::new();
        for route in routes {
            let method = route.key.method().ok_or("a route needs a method")?;
            let of_path = handlers.entry(route.key.path().to_owned()).or_default();
            match of_path.entry(method.as_str().parse()?) {
                Entry::Occupied(_) => return Err(format!("two handlers for {}", route.key).into()),
                Entry::Vacant(free) => free.insert(route.handler),
            };
            registrations.push(route.registration);
        }
        let mut paths = matchit::Router::new();
        for (template, handlers) in handlers {
            paths.insert(template.clone(), Path::new(template, handlers)?)?;
        }
        waygate.register_all(registrations).await?;
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
        let handler = path.and_then(|path| path.handler(&parts.method));

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
        let mut response = match (handler, path) {
            (Some(handler), _) => handler(Request::from_parts(parts, body)).await,
            (None, Some(path)) => not_allowed(path),
            (None, None) => empty(StatusCode::NOT_FOUND),
        };
        pass.write_headers(response.headers_mut());
        response.map(|body| Held::new(body, pass))
    }

    /// Serves connections until the future is dropped.
    pub async fn serve(self, listener: TcpListener) {
        let app = Arc::new(self);
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause(&error).await;
                    continue;
                }
            };
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

/// Pauses after a failed `accept`, unless it only affects one client: the process may have no free file descriptor
/// until another connection ends.
async fn pause(error: &io::Error) {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        eprintln!("cannot accept a connection: {error}");
        sleep(Duration::from_secs(1)).await;
    }
}

/// A 405 lists the methods in `Allow` (RFC 9110 section 15.5.6).
fn not_allowed(path: &Path) -> Response<String> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, path.allow.clone());
    response
}

fn empty(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}
