use std::{borrow::Cow, net::IpAddr};

use axum::extract::{MatchedPath, OriginalUri, Request};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, request::Parts};
use percent_encoding::percent_decode_str;
use waygate_core::{
    decision::Facts,
    grammar::{KeyPart, RoleName},
    net::client_network,
};

use super::{Roles, client_ip};
use crate::engine::{Inner, LimitFacts, LimitedKey, Principal};

/// A request's head, as decisions see it. Nothing is looked at before it is asked for.
pub(super) struct RequestFacts<'a> {
    pub(super) extensions: &'a Extensions,
    pub(super) headers: &'a HeaderMap,
    pub(super) engine: &'a Inner,
    path: &'a str,
}

impl<'a> RequestFacts<'a> {
    pub(super) fn of(request: &'a Request, engine: &'a Inner) -> Self {
        Self {
            extensions: request.extensions(),
            headers: request.headers(),
            engine,
            path: request.uri().path(),
        }
    }

    pub(super) fn of_parts(parts: &'a Parts, engine: &'a Inner) -> Self {
        Self {
            extensions: &parts.extensions,
            headers: &parts.headers,
            engine,
            path: parts.uri.path(),
        }
    }

    fn principal(&self) -> Option<&'a dyn Principal> {
        (self.engine.principal?)(self.extensions)
    }
}

impl Facts for RequestFacts<'_> {
    #[inline]
    fn client_ip(&self) -> Option<IpAddr> {
        client_ip(self.extensions, self.headers, &self.engine.proxies)
    }

    fn has_role(&self, role: &RoleName) -> bool {
        let listed = self.extensions.get::<Roles>();
        listed.is_some_and(|roles| roles.has(role))
            || self
                .principal()
                .is_some_and(|principal| principal.has_role(role.as_str()))
    }
}

/// The header that carries API keys (wire contract section 8.2).
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl LimitFacts for RequestFacts<'_> {
    #[inline]
    fn network(&self) -> Option<IpAddr> {
        let ip = self.client_ip()?;
        Some(client_network(ip, self.engine.limiting.ipv6_prefix))
    }

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
                // Below `nest` axum cuts the prefix off the path, not off the template.
                let whole = self.extensions.get::<OriginalUri>();
                let path = whole.map_or(self.path, |OriginalUri(uri)| uri.path());
                let template = self.extensions.get::<MatchedPath>();
                let value = template.and_then(|found| parameter(found.as_str(), path, name));
                // As handlers see it: the same value in other spellings is the same key.
                let value = value.map(|value| Cow::from(percent_decode_str(value)));
                push(key, part, value.as_deref())
            }
        }
    }

    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        self.principal()?.attribute(name)
    }
}

/// An empty value is no key.
fn push(key: &mut LimitedKey, part: &KeyPart, value: Option<&[u8]>) -> bool {
    match value.filter(|value| !value.is_empty()) {
        Some(value) => {
            key.push_part(part, value);
            true
        }
        None => false,
    }
}

/// What stands in `path` where `template` has `{name}`, as it is written in the URL.
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
        }
        rest = rest.get(length..)?;
    }
    None
}

/// A segment's parameter, and what stands before and behind it.
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
        ] {
            assert_eq!(parameter(template, path, name), value, "{template} {path}");
        }
    }
}
