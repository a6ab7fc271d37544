//! The trace of a request.

use http::HeaderMap;
use waygate_core::model::TraceParent;

/// Returns the trace and span in which this process handles a request: those that are active on this thread, or else
/// those of its caller.
#[cfg(feature = "metrics")]
pub(crate) fn own_trace(headers: &HeaderMap) -> Option<TraceParent> {
    active().or_else(|| of_caller(headers))
}

/// Returns the trace and span that a request belongs to: those that are active on this thread, unless they are of another
/// trace than the caller's, since a layer may start a trace for each request.
#[cfg(feature = "admin")]
pub(crate) fn caller_trace(headers: &HeaderMap) -> Option<TraceParent> {
    let of_caller = of_caller(headers);
    let is_same = |active: &TraceParent| {
        let caller = of_caller.as_ref();
        caller.is_none_or(|caller| caller.trace_id() == active.trace_id())
    };
    active().filter(is_same).or(of_caller)
}

/// Reads the header `traceparent`. `None` if it is invalid or repeated.
fn of_caller(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all("traceparent").iter();
    match (all.next(), all.next()) {
        (Some(only), None) => only.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

#[cfg(not(feature = "otel"))]
fn active() -> Option<TraceParent> {
    None
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
        let found = of_caller(&headers).map(|parent| parent.to_string());
        assert_eq!(found.as_deref(), Some(value));
        headers.append("traceparent", HeaderValue::from_static(value));
        assert_eq!(of_caller(&headers), None);
    }

    #[cfg(all(feature = "admin", feature = "metrics", feature = "otel"))]
    #[test]
    fn a_change_belongs_to_the_trace_of_the_caller() {
        use opentelemetry::trace::{
            SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
        };

        let value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("traceparent"),
            HeaderValue::from_static(value),
        )]);
        for (trace, of_change) in [
            ("4bf92f3577b34da6a3ce929d0e0e4736", "0000000000000001"),
            ("11111111111111111111111111111111", "00f067aa0ba902b7"),
        ] {
            let context = SpanContext::new(
                TraceId::from_hex(trace).unwrap(),
                SpanId::from_hex("0000000000000001").unwrap(),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            );
            let _active = opentelemetry::Context::new()
                .with_remote_span_context(context)
                .attach();
            let change = caller_trace(&headers).unwrap().to_string();
            assert_eq!(
                change,
                format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{of_change}-01")
            );
            let own = own_trace(&headers).unwrap();
            assert_eq!(format!("{:032x}", own.trace_id()), trace);
            let none = caller_trace(&HeaderMap::new()).unwrap();
            assert_eq!(format!("{:032x}", none.trace_id()), trace);
        }
    }
}
