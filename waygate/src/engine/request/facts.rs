use std::{borrow::Cow, net::IpAddr};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, request::Parts};
use percent_encoding::percent_decode_str;
use waygate_core::{
    decision::Facts,
    grammar::{KeyPart, RoleName},
    model::RouteKey,
    net::client_network,
};

use super::{Asked, Peer, Roles, is_preflight};
use crate::engine::{
    Inner, Principal,
    limits::{LimitFacts, LimitedKey, RequestInfo},
};

/// The head of a request. Parts are read when they are needed.
#[derive(Clone, Copy)]
pub(crate) struct RequestFacts<'a, F> {
    pub(crate) extensions: &'a Extensions,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) engine: &'a Inner,
    pub(crate) method: &'a Method,
    uri: &'a Uri,
    /// The route that governs the request.
    route: Option<&'a RouteKey>,
    framework: F,
}

/// The parts of a request that each framework keeps in its own way.
pub(crate) trait Framework<'a>: Copy {
    fn peer(self, extensions: &'a Extensions) -> Peer;

    /// The template of the matched route, in the application.
    fn template(self, extensions: &'a Extensions) -> Option<&'a str>;

    /// The URL with the prefix that a router has removed; `None` if none was.
    fn whole_uri(self, extensions: &'a Extensions) -> Option<&'a Uri>;

    /// Returns `true` if the path is one that the engine's routes match: a router may have removed a prefix of it.
    fn has_own_path(self) -> bool;

    /// Returns `true` if a handler of the application may see the request.
    fn is_handled(self) -> bool;
}

impl<'a, F: Framework<'a>> RequestFacts<'a, F> {
    #[inline(always)]
    pub(crate) fn of<B>(request: &'a Request<B>, engine: &'a Inner, framework: F) -> Self {
        Self {
            extensions: request.extensions(),
            headers: request.headers(),
            engine,
            method: request.method(),
            uri: request.uri(),
            route: None,
            framework,
        }
    }

    pub(crate) fn of_parts(parts: &'a Parts, engine: &'a Inner, framework: F) -> Self {
        Self {
            extensions: &parts.extensions,
            headers: &parts.headers,
            engine,
            method: &parts.method,
            uri: &parts.uri,
            route: None,
            framework,
        }
    }

    /// The request as the logs of the limits of a route describe it.
    #[inline]
    pub(crate) fn info<'r>(&self, route: &'r RouteKey) -> RequestInfo<'r>
    where
        'a: 'r,
    {
        RequestInfo {
            route,
            method: self.method,
            headers: self.headers,
        }
    }

    /// For limits of this route, which governs the request.
    #[inline(always)]
    pub(crate) fn of_route(mut self, route: &'a RouteKey) -> Self {
        self.route = Some(route);
        self
    }

    /// The value of a path parameter in the URL, of the route or of the router in which the guarded router is nested.
    fn parameter(&self, name: &str) -> Option<&'a str> {
        // Below `nest`, a handler sees only a part of the path.
        let own = self.route.filter(|_| self.framework.has_own_path());
        let of_route = own.and_then(|own| parameter(own.path(), self.uri.path(), name));
        of_route.or_else(|| {
            let template = self.framework.template(self.extensions)?;
            parameter(template, self.whole_path(), name)
        })
    }

    /// The path of the whole URL.
    fn whole_path(&self) -> &'a str {
        let whole = self.framework.whole_uri(self.extensions);
        whole.unwrap_or(self.uri).path()
    }

    /// Returns `true` if the request carries its caller.
    pub(crate) fn has_known_caller(&self) -> bool {
        self.extensions.get::<Roles>().is_some() || self.principal().is_some()
    }

    /// The key of a limit by the client's address alone; `None` if that is unknown.
    #[inline(always)]
    pub(crate) fn address_key(&self) -> Option<LimitedKey> {
        let clients = &self.engine.clients;
        match self.framework.peer(self.extensions) {
            // An IPv4 client stays in registers.
            Peer::Address(IpAddr::V4(peer)) if !clients.proxies.trusts_any() => {
                clients.look_for_ipv4_proxy(peer, self.headers);
                Some(LimitedKey::of_ipv4(peer))
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
        let peer = self.framework.peer(self.extensions);
        let ip = self.engine.clients.client(peer, self.headers)?;
        self.engine.clients.look_for_proxy(ip, peer, self.headers);
        Some(client_network(ip, self.engine.limiting.ipv6_prefix))
    }

    /// The request as sources of contexts see it.
    #[cfg(feature = "flags")]
    pub(crate) fn flag_request(&self) -> crate::engine::FlagRequest<'a> {
        crate::engine::FlagRequest::new(self.method, self.uri, self.headers, self.extensions)
    }

    fn principal(&self) -> Option<&'a dyn Principal> {
        self.engine.principal?.caller(self.extensions)
    }
}

impl<'a, F: Framework<'a>> Facts for RequestFacts<'a, F> {
    #[inline]
    fn client_ip(&self) -> Option<IpAddr> {
        let peer = self.framework.peer(self.extensions);
        self.engine.clients.client(peer, self.headers)
    }

    fn has_role(&self, role: &RoleName) -> bool {
        let listed = self.extensions.get::<Roles>();
        listed.is_some_and(|roles| roles.has(role))
            || self
                .principal()
                .is_some_and(|principal| principal.has_role(role.as_str()))
    }
}

impl<'a, F: Framework<'a>> Asked for RequestFacts<'a, F> {
    #[inline]
    fn method(&self) -> &Method {
        self.method
    }

    #[cold]
    fn names(&self) -> [Option<&str>; 3] {
        // A nested guarded router knows its paths without the prefix; the path that a handler sees below another
        // `nest` is not a route name.
        let own = self.framework.has_own_path().then(|| self.uri.path());
        [
            Some(self.whole_path()),
            own,
            self.framework.template(self.extensions),
        ]
    }

    #[inline]
    fn is_unhandled_preflight(&self) -> bool {
        !self.framework.is_handled() && is_preflight(self.method, self.headers)
    }

    #[cfg(feature = "flags")]
    fn is_on(
        &self,
        flags: &waygate_core::flag::FlagSet,
        flag: &waygate_core::flag::CompiledFlag,
    ) -> Result<bool, waygate_core::flag::ErrorCode> {
        let clock = &*self.engine.clock;
        let contexts = &self.engine.flag_contexts;
        crate::engine::flags::with_context(contexts, &self.flag_request(), |context| {
            let resolution = flags.evaluate_flag(flag, context, clock);
            let on = resolution.as_bool();
            if on.is_err() && resolution.error().is_none() {
                resolution.count_default();
            }
            on
        })
    }

    #[cfg(feature = "flags")]
    fn depends_on_caller(&self, slot: usize, gate: &crate::engine::RouteGate) {
        if self.engine.flag_contexts.lacks_caller(self.extensions) {
            self.engine.note_without_caller(slot, gate);
        }
    }

    #[cfg(feature = "flags")]
    #[cold]
    fn serves_default(
        &self,
        flags: &std::sync::Arc<waygate_core::flag::FlagSet>,
        slot: usize,
        gate: &crate::engine::RouteGate,
        code: waygate_core::flag::ErrorCode,
    ) {
        self.engine.note_gate(flags, slot, gate, code);
    }
}

/// The header with the API key (wire contract, section 8.2).
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl<'a, F: Framework<'a>> LimitFacts for RequestFacts<'a, F> {
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

    fn principal_type(&self) -> Option<&'static str> {
        Some(self.engine.principal?.type_name)
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
