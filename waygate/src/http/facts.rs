use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use axum::extract::{MatchedPath, OriginalUri, Request};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Uri, request::Parts};
use percent_encoding::percent_decode_str;
use waygate_core::{
    decision::Facts,
    grammar::{KeyPart, RoleName},
    model::RouteKey,
    net::client_network,
};

use super::{Roles, client::peer_of, client_ip};
use crate::engine::{Asked, Inner, LimitFacts, LimitedKey, Principal, is_preflight};

/// The head of a request. Parts are read when they are needed.
#[derive(Clone, Copy)]
pub(super) struct RequestFacts<'a> {
    pub(super) extensions: &'a Extensions,
    pub(super) headers: &'a HeaderMap,
    pub(super) engine: &'a Inner,
    pub(super) method: &'a Method,
    uri: &'a Uri,
    /// The route that governs the request.
    route: Option<&'a RouteKey>,
    seen_by: SeenBy,
}

/// The point from which a request is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeenBy {
    /// The layer in front of an endpoint, which may have a handler.
    Layer,
    /// The layer in front of axum's own 405 response. Only middleware runs in between.
    LayerOfNoHandler,
    /// A handler, with the prefixes of `nest` removed from its path.
    Handler,
}

impl<'a> RequestFacts<'a> {
    #[inline(always)]
    pub(super) fn of(request: &'a Request, engine: &'a Inner, seen_by: SeenBy) -> Self {
        Self {
            extensions: request.extensions(),
            headers: request.headers(),
            engine,
            method: request.method(),
            uri: request.uri(),
            route: None,
            seen_by,
        }
    }

    pub(super) fn of_parts(parts: &'a Parts, engine: &'a Inner, seen_by: SeenBy) -> Self {
        Self {
            extensions: &parts.extensions,
            headers: &parts.headers,
            engine,
            method: &parts.method,
            uri: &parts.uri,
            route: None,
            seen_by,
        }
    }

    /// For limits of this route, which governs the request.
    #[inline(always)]
    pub(super) fn of_route(mut self, route: &'a RouteKey) -> Self {
        self.route = Some(route);
        self
    }

    /// The value of a path parameter in the URL, of the route or of the router in which the guarded router is nested.
    fn parameter(&self, name: &str) -> Option<&'a str> {
        // Below `nest`, a handler sees only a part of the path.
        let own = self.route.filter(|_| self.seen_by != SeenBy::Handler);
        let of_route = own.and_then(|own| parameter(own.path(), self.uri.path(), name));
        of_route.or_else(|| {
            let matched = self.extensions.get::<MatchedPath>()?;
            parameter(matched.as_str(), self.whole_path(), name)
        })
    }

    /// The path of the whole URL: axum removes the prefix below `nest`.
    fn whole_path(&self) -> &'a str {
        let whole = self.extensions.get::<OriginalUri>();
        whole.map_or(self.uri, |OriginalUri(uri)| uri).path()
    }

    /// Returns `true` if the request carries its caller.
    pub(super) fn has_known_caller(&self) -> bool {
        self.extensions.get::<Roles>().is_some() || self.principal().is_some()
    }

    /// The key of a limit by the client's address alone; `None` if that is unknown.
    #[inline(always)]
    pub(super) fn address_key(&self) -> Option<LimitedKey> {
        let clients = &self.engine.clients;
        match peer_of(self.extensions) {
            // An IPv4 client stays in registers.
            Some(SocketAddr::V4(peer)) if !clients.proxies.trusts_any() => {
                clients.look_for_ipv4_proxy(*peer.ip(), self.headers);
                Some(LimitedKey::of_ipv4(*peer.ip()))
            }
            _ => {
                let facts = *self;
                facts.network().map(LimitedKey::of_ip)
            }
        }
    }

    /// The client's address, without the bits that one client may choose.
    #[inline(never)]
    fn network(&self) -> Option<IpAddr> {
        let ip = self.client_ip()?;
        self.engine.clients.look_for_proxy(ip, self.headers);
        Some(client_network(ip, self.engine.limiting.ipv6_prefix))
    }

    fn principal(&self) -> Option<&'a dyn Principal> {
        (self.engine.principal?)(self.extensions)
    }
}

impl Facts for RequestFacts<'_> {
    #[inline]
    fn client_ip(&self) -> Option<IpAddr> {
        client_ip(self.extensions, self.headers, &self.engine.clients)
    }

    fn has_role(&self, role: &RoleName) -> bool {
        let listed = self.extensions.get::<Roles>();
        listed.is_some_and(|roles| roles.has(role))
            || self
                .principal()
                .is_some_and(|principal| principal.has_role(role.as_str()))
    }
}

impl Asked for RequestFacts<'_> {
    #[inline]
    fn method(&self) -> &Method {
        self.method
    }

    #[cold]
    fn names(&self) -> [Option<&str>; 3] {
        let template = self.extensions.get::<MatchedPath>();
        // A nested guarded router knows its paths without the prefix; the path that a handler sees below another
        // `nest` is not a route name.
        let own = (self.seen_by != SeenBy::Handler).then(|| self.uri.path());
        [
            Some(self.whole_path()),
            own,
            template.map(MatchedPath::as_str),
        ]
    }

    #[inline]
    fn is_unhandled_preflight(&self) -> bool {
        self.seen_by == SeenBy::LayerOfNoHandler && is_preflight(self.method, self.headers)
    }
}

/// The header with the API key (wire contract, section 8.2).
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl LimitFacts for RequestFacts<'_> {
    fn add(&self, part: &KeyPart, key: &mut LimitedKey) -> bool {
        match part {
            KeyPart::Ip => {
                let ip = self.network();
                ip.is_some_and(|ip| {
                    key.push_ip(ip);
                    true
                })
            }
            KeyPart::Global => true,
            KeyPart::User => {
                let user = self.principal().and_then(Principal::user_id);
                push(key, part, user.as_deref().map(str::as_bytes))
            }
            KeyPart::ApiKey => {
                let value = self.headers.get(API_KEY);
                push(key, part, value.map(HeaderValue::as_bytes))
            }
            KeyPart::Header(name) => {
                let value = self.headers.get(&**name);
                push(key, part, value.map(HeaderValue::as_bytes))
            }
            KeyPart::Path(name) => {
                // Decoded, as handlers see it: the same value in another spelling is the same key.
                let value = self
                    .parameter(name)
                    .map(|value| Cow::from(percent_decode_str(value)));
                push(key, part, value.as_deref())
            }
        }
    }

    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        self.principal()?.attribute(name)
    }

    fn has_caller(&self) -> bool {
        self.principal().is_some()
    }
}

/// An empty value is not a key.
fn push(key: &mut LimitedKey, part: &KeyPart, value: Option<&[u8]>) -> bool {
    match value.filter(|value| !value.is_empty()) {
        Some(value) => {
            key.push_part(part, value);
            true
        }
        None => false,
    }
}

/// The part of `path` at `{name}` in `template`, in the URL's encoding.
fn parameter<'a>(template: &str, path: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = path;
    for segment in template.split('/').skip(1) {
        rest = rest.strip_prefix('/')?;
        let length = rest.find('/').unwrap_or(rest.len());
        if let Some((before, parameter, after)) = split_parameter(segment) {
            if let Some(wildcard) = parameter.strip_prefix('*') {
                return (wildcard == name).then_some(rest);
            }
            if parameter == name {
                let value = rest.get(..length)?;
                return value.strip_prefix(before)?.strip_suffix(after);
            }
        } else if rest.get(..length)? != segment {
            return None;
        }
        rest = rest.get(length..)?;
    }
    None
}

/// A segment's parameter, and the text before and after it.
fn split_parameter(segment: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = segment.split_once('{')?;
    let (parameter, after) = rest.split_once('}')?;
    Some((before, parameter, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_in_the_path() {
        for (template, path, name, value) in [
            (
                "/t/{tenant}/items/{id}",
                "/t/acme/items/7",
                "tenant",
                Some("acme"),
            ),
            ("/t/{tenant}/items/{id}", "/t/acme/items/7", "id", Some("7")),
            ("/t/{tenant}", "/t/acme", "id", None),
            ("/files/{*rest}", "/files/a/b", "rest", Some("a/b")),
            ("/{name}.json", "/report.json", "name", Some("report")),
            ("/v{major}/x", "/v2/x", "major", Some("2")),
            ("/{a}/{b}", "/only", "b", None),
            ("/t/{tenant}", "/s/acme", "tenant", None),
        ] {
            assert_eq!(parameter(template, path, name), value, "{template} {path}");
        }
    }
}
