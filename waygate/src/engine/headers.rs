use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use waygate_core::{grammar::format_http_date, model::Deprecation};

/// Headers that announce a deprecation, ready to be put on answers. Shared, so that putting them on copies nothing.
pub(crate) type DeprecationHeaders = Arc<[(HeaderName, HeaderValue)]>;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// `Deprecation` (RFC 9745, which has no form without a date), `Sunset` (RFC 8594), `Link` (RFC 8288).
pub(crate) fn announce(deprecation: &Deprecation) -> DeprecationHeaders {
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
