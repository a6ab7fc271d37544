//! The checks without credentials: the client must be on this machine, and the request must be deliberate.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::extract::{ConnectInfo, Request};
use http::{HeaderMap, HeaderName, Method, header, uri::Authority};

use super::credentials::Reach;
use crate::rest::{Problem, ProblemKind};

/// The headers of proxies, which forward requests of unknown clients.
const FORWARDING: [&str; 6] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
];

/// Headers that a page of another origin can only send after a CORS preflight (Fetch standard), which is refused.
const NOT_SIMPLE: [&str; 3] = ["x-waygate-platform", "x-waygate-token", "x-requested-with"];

pub(crate) fn check(request: &Request, reach: Reach) -> Result<(), Problem> {
    let headers = request.headers();
    let host = host(request);
    if reach == Reach::Loopback {
        from_loopback(request, headers)?;
        if !host.as_ref().is_some_and(|host| is_loopback(host.host())) {
            return Err(refused(
                "the request is addressed to a name that is not this machine's: use `localhost` or `127.0.0.1`",
            ));
        }
    }
    check_origin(request)
}

/// Rejects requests that another site may have made a browser send.
pub(crate) fn check_origin(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    same_site(headers, host(request).as_ref())?;
    if is_unsafe(request.method()) {
        deliberate(headers)?;
    }
    Ok(())
}

fn from_loopback(request: &Request, headers: &HeaderMap) -> Result<(), Problem> {
    match request.extensions().get::<ConnectInfo<SocketAddr>>() {
        #[cfg(unix)]
        None if has_unix_socket(request) => {
            // A proxy may forward requests there without adding a header.
            return Err(refused(
                "the client connects over a Unix socket, and may be on any machine: configure credentials",
            ));
        }
        None => {
            return Err(refused(
                "the server does not provide the address of the client: serve the application with \
                 `Guarded::into_make_service_with_connect_info`, or configure credentials",
            ));
        }
        Some(ConnectInfo(peer)) if !peer.ip().to_canonical().is_loopback() => {
            return Err(refused(
                "the client is on another machine: configure credentials, or call from this machine",
            ));
        }
        Some(_) => {}
    }
    match FORWARDING.iter().find(|name| headers.contains_key(**name)) {
        Some(name) => Err(refused(&format!(
            "the request was passed on by a proxy (it has the header `{name}`): configure credentials"
        ))),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn has_unix_socket(request: &Request) -> bool {
    let peer = request
        .extensions()
        .get::<ConnectInfo<tokio::net::unix::SocketAddr>>();
    peer.is_some()
}

/// The host of the request: one name, from the request line or from `Host`.
fn host(request: &Request) -> Option<Authority> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.clone());
    }
    let mut lines = request.headers().get_all(header::HOST).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

/// Names of this machine. Any other name may resolve to it by an attack (DNS rebinding).
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match IpAddr::from_str(bare) {
        Ok(address) => address.to_canonical().is_loopback(),
        // RFC 6761 section 6.3.
        Err(_) => {
            let host = host.to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// Rejects cross-site requests of browsers (Fetch standard, Fetch Metadata).
fn same_site(headers: &HeaderMap, host: Option<&Authority>) -> Result<(), Problem> {
    for site in headers.get_all("sec-fetch-site") {
        if site != "same-origin" && site != "none" {
            return Err(refused("another site made the browser send this request"));
        }
    }
    for origin in headers.get_all(header::ORIGIN) {
        let origin = origin.to_str().ok().and_then(|text| text.split_once("://"));
        let own = origin
            .zip(host)
            .is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host.as_str()));
        if !own {
            return Err(refused("another site made the browser send this request"));
        }
    }
    Ok(())
}

/// Rejects requests that a form of another site can send, which have neither JSON nor custom headers.
fn deliberate(headers: &HeaderMap) -> Result<(), Problem> {
    let own_header = NOT_SIMPLE.iter().any(|name| headers.contains_key(*name));
    let has_body = |name: HeaderName| headers.get(name).is_some_and(|value| value != "0");
    let bare = !headers.contains_key(header::CONTENT_TYPE)
        && !has_body(header::CONTENT_LENGTH)
        && !has_body(header::TRANSFER_ENCODING);
    if own_header || bare || is_deliberate_type(headers) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::UnsupportedMediaType,
        "Without credentials, a body needs `Content-Type: application/json`.",
    ))
}

/// Forms can send none of these types, and the browser asks before a script of another site does.
fn is_deliberate_type(headers: &HeaderMap) -> bool {
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|line| line.to_str().ok())
        .unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_json = ["application/json", "application/merge-patch+json"]
        .iter()
        .any(|json| essence.eq_ignore_ascii_case(json));
    #[cfg(feature = "flags")]
    let is_json = is_json || crate::rest::is_yaml(essence.as_bytes());
    is_json
}

fn is_unsafe(method: &Method) -> bool {
    !method.is_safe()
}

fn refused(why: &str) -> Problem {
    Problem::new(
        ProblemKind::Refused,
        format!("Without credentials, only this machine may administer: {why}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_recognized() {
        for name in [
            "localhost",
            "LOCALHOST",
            "api.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
        ] {
            assert!(is_loopback(name), "{name}");
        }
        for name in [
            "evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "10.0.0.1",
            "[::]",
            "0.0.0.0",
            "",
        ] {
            assert!(!is_loopback(name), "{name}");
        }
    }
}
