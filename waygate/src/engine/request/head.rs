use std::net::IpAddr;

use http::{Extensions, Uri, request::Parts};

use super::{Framework, Peer, RequestFacts};
use crate::engine::{
    Inner,
    table::{Governing, Table},
};

/// A request as described by an adapter to a framework other than axum, for [`Waygate::admit`](crate::Waygate::admit)
/// and [`Waygate::decide`](crate::Waygate::decide).
///
/// The caller's [`Roles`](crate::client::Roles) and [`Principal`](crate::Principal) come from the extensions of the
/// request.
///
/// ```
/// use http::Request;
/// use waygate::decision::RequestHead;
///
/// // `GET /items/7`, matched by the route `/items/{id}`, from 203.0.113.7.
/// let (parts, ()) = Request::get("/items/7").body(())?.into_parts();
/// let head = RequestHead::new(&parts)
///     .matched("/items/{id}")
///     .peer([203, 0, 113, 7].into());
///
/// // `OPTIONS /items/7`: the route has no handler for it, so a CORS middleware or a 405 answers.
/// let (parts, ()) = Request::options("/items/7").body(())?.into_parts();
/// let preflight = RequestHead::new(&parts).matched("/items/{id}").unhandled();
/// # let _ = (head, preflight);
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct RequestHead<'a> {
    pub(crate) parts: &'a Parts,
    route: Route<'a>,
}

/// See [`RequestHead`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route<'a> {
    template: Option<&'a str>,
    peer: Peer,
    is_handled: bool,
}

impl<'a> RequestHead<'a> {
    /// Creates a request without a matching route and without a known client: only global maintenance applies.
    pub fn new(parts: &'a Parts) -> Self {
        let route = Route {
            template: None,
            peer: Peer::Unknown,
            is_handled: true,
        };
        Self { parts, route }
    }

    /// Sets the template of the matched route, as it was registered.
    pub fn matched(mut self, template: &'a str) -> Self {
        self.route.template = Some(template);
        self
    }

    /// Sets the address of the peer of the connection. If it is a
    /// [trusted proxy](crate::WaygateBuilder::trusted_proxies), the engine reads the client's address from the headers.
    ///
    /// Without it, limits by address share one counter, and routes with allowed networks refuse the request.
    pub fn peer(mut self, address: IpAddr) -> Self {
        self.route.peer = Peer::Address(address);
        self
    }

    /// Declares that the request arrived over a Unix socket, whose peer has no address. The engine reads the client's
    /// address from the headers if it [trusts](crate::client::TrustedProxies::unix_socket) the proxy there.
    pub fn unix_peer(mut self) -> Self {
        self.route.peer = Peer::UnixSocket;
        self
    }

    /// Declares that no handler of the application serves the request's method on this path: only CORS middleware or
    /// the framework's 405 responds.
    ///
    /// If its headers make the request a CORS preflight ([Fetch standard]), no gate applies to it. Without this call,
    /// it is treated as a request that reaches a handler.
    ///
    /// [Fetch standard]: https://fetch.spec.whatwg.org/#cors-preflight-request
    pub fn unhandled(mut self) -> Self {
        self.route.is_handled = false;
        self
    }

    pub(crate) fn template(&self) -> Option<&'a str> {
        self.route.template
    }

    pub(crate) fn facts(&self, engine: &'a Inner) -> RequestFacts<'a, Route<'a>> {
        RequestFacts::of_parts(self.parts, engine, self.route)
    }

    /// The slots of the routes that govern the request.
    pub(crate) fn governing(&self, table: &Table) -> Governing {
        let method = self.parts.method.as_str();
        match (self.route.template, self.route.is_handled) {
            (None, _) => Governing::default(),
            (Some(template), true) => table.governing_handled(method, template),
            (Some(template), false) => table.governing(method, template),
        }
    }
}

impl<'a> Framework<'a> for Route<'a> {
    fn peer(self, _: &'a Extensions) -> Peer {
        self.peer
    }

    fn template(self, _: &'a Extensions) -> Option<&'a str> {
        self.template
    }

    fn whole_uri(self, _: &'a Extensions) -> Option<&'a Uri> {
        None
    }

    fn has_own_path(self) -> bool {
        true
    }

    fn is_handled(self) -> bool {
        self.is_handled
    }
}
