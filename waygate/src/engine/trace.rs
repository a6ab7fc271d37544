//! The trace of a request.

use http::HeaderMap;
use waygate_core::model::TraceParent;

/// Returns the trace and span that are active on this thread, or else those of the header `traceparent`. `None` if the
/// header is invalid or repeated.
pub(crate) fn trace_parent(headers: &HeaderMap) -> Option<TraceParent> {
    #[cfg(feature = "otel")]
    if let Some(active) = active() {
        return Some(active);
    }
    let mut all = headers.get_all("traceparent").iter();
    match (all.next(), all.next()) {
        (Some(only), None) => only.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

#[cfg(feature = "otel")]
fn active() -> Option<TraceParent> {
    opentelemetry::trace::get_active_span(|span| {
        let context = span.span_context();
        let trace_id = u128::from_be_bytes(context.trace_id().to_bytes());
        let span_id = u64::from_be_bytes(context.span_id().to_bytes());
        Some(TraceParent::new(
            trace_id.try_into().ok()?,
            span_id.try_into().ok()?,
            context.is_sampled(),
        ))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_with_two_headers_has_no_trace() {
        let mut headers = HeaderMap::new();
        let value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.append("traceparent", HeaderValue::from_static(value));
        let found = trace_parent(&headers).map(|parent| parent.to_string());
        assert_eq!(found.as_deref(), Some(value));
        headers.append("traceparent", HeaderValue::from_static(value));
        assert_eq!(trace_parent(&headers), None);
    }
}
