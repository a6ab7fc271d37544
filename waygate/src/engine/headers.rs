use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use waygate_core::{grammar::format_http_date, model::Deprecation};

/// The headers that announce the state of a route. Shared, so that adding them copies nothing.
pub(crate) type StateHeaders = Arc<[(HeaderName, HeaderValue)]>;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// `Deprecation` (RFC 9745, which has no form without a date), `Sunset` (RFC 8594), `Link` (RFC 8288).
pub(crate) fn announce(deprecation: &Deprecation) -> StateHeaders {
    let since = deprecation
        .since()
        .map(|since| format!("@{}", since.as_second()));
    let sunset = deprecation.sunset().map(format_http_date);
    let link = deprecation
        .successor()
        .map(|to| format!("<{to}>; rel=\"successor-version\""));
    [(DEPRECATION, since), (SUNSET, sunset), (header::LINK, link)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, HeaderValue::try_from(value?).ok()?)))
        .collect()
}

/// For responses that only some callers get: no cache may reuse them (RFC 9111 section 5.2.2).
static UNCACHED: LazyLock<StateHeaders> = LazyLock::new(|| {
    let value = HeaderValue::from_static("private, no-store");
    Arc::new([(header::CACHE_CONTROL, value)])
});

/// Headers of a response to a caller that is exempt from maintenance, in addition to those of the route.
#[cold]
pub(crate) fn uncached(announcement: Option<&StateHeaders>) -> StateHeaders {
    match announcement {
        Some(headers) => headers.iter().chain(UNCACHED.iter()).cloned().collect(),
        None => UNCACHED.clone(),
    }
}

/// Adds the announcement to a response.
pub(crate) fn add_announcement(headers: &mut HeaderMap, announcement: &StateHeaders) {
    for (name, value) in announcement.iter() {
        set(headers, name, value.clone());
    }
}

/// Sets a header on a response.
pub(crate) fn set(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    // A handler may have its own links.
    if *name == header::LINK {
        headers.append(name, value);
        return;
    }
    if *name == header::CACHE_CONTROL {
        forget_caching(headers);
    }
    headers.insert(name, value);
}

/// Removes the headers that take precedence over `Cache-Control` in caches: those of RFC 9213, which end in
/// `-cache-control`, and earlier ones of proxies.
#[cold]
fn forget_caching(headers: &mut HeaderMap) {
    let rules = |name: &&HeaderName| {
        let name = name.as_str();
        name.ends_with("-cache-control")
            || ["expires", "surrogate-control", "x-accel-expires"].contains(&name)
    };
    let rules: Vec<HeaderName> = headers.keys().filter(rules).cloned().collect();
    for name in rules {
        headers.remove(name);
    }
}
