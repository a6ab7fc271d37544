//! Requests as examples of their latencies, with their traces.

use std::{
    fmt,
    num::NonZeroU128,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use http::HeaderMap;
use waygate_core::Timestamp;

use super::latency::{BUCKETS, bucket};

/// The id of a sampled trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceId(NonZeroU128);

/// A request as an example of a latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exemplar {
    pub(crate) trace: TraceId,
    pub(crate) nanos: u64,
    pub(crate) at: Timestamp,
}

/// The newest exemplar of each bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exemplars([Option<Exemplar>; BUCKETS]);

/// The exemplars of requests that end on many threads.
#[derive(Debug, Default)]
pub(super) struct Examples {
    /// The second of the newest exemplar of each bucket.
    seconds: [AtomicI64; BUCKETS],
    newest: Mutex<Exemplars>,
}

impl TraceId {
    /// The trace of the current span, or else of the request.
    pub(crate) fn of_request(headers: &HeaderMap) -> Option<Self> {
        #[cfg(feature = "otel")]
        if let Some(trace) = current() {
            return Some(trace);
        }
        let mut all = headers.get_all("traceparent").iter();
        match (all.next(), all.next()) {
            (Some(only), None) => Self::parse(only.as_bytes()),
            _ => None,
        }
    }

    /// The trace id of a `traceparent` (W3C Trace Context, section 3.2). `None` if it is invalid, or if the trace is
    /// not sampled, and so not stored anywhere.
    fn parse(value: &[u8]) -> Option<Self> {
        const LENGTH: usize = 55;
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let [version, trace, parent, flags] = fields(known)?;
        let is_whole = match version {
            "00" => rest.is_empty(),
            "ff" => false,
            _ => rest.is_empty() || rest.starts_with(b"-"),
        };
        let has_parent = parent.bytes().any(|digit| digit != b'0');
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        let trace = u128::from_str_radix(trace, 16).ok()?;
        let trace = NonZeroU128::new(trace).filter(|_| is_whole && has_parent && is_sampled);
        trace.map(Self)
    }
}

/// The four fields, if all have their length and are lower-case hexadecimal.
fn fields(known: &[u8]) -> Option<[&str; 4]> {
    let known = str::from_utf8(known).ok()?;
    let mut fields = known.split('-');
    let mut field = |length: usize| {
        let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        fields
            .next()
            .filter(|field| field.len() == length && field.bytes().all(is_hex))
    };
    Some([field(2)?, field(32)?, field(16)?, field(2)?])
}

/// The trace of the span that is active on this thread.
#[cfg(feature = "otel")]
fn current() -> Option<TraceId> {
    opentelemetry::trace::get_active_span(|span| {
        let context = span.span_context();
        let trace = u128::from_be_bytes(context.trace_id().to_bytes());
        let trace = NonZeroU128::new(trace).filter(|_| context.is_sampled());
        trace.map(TraceId)
    })
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Exemplars {
    pub(crate) fn of(&self, bucket: usize) -> Option<&Exemplar> {
        self.0.get(bucket)?.as_ref()
    }

    /// Keeps the newer exemplar of each bucket.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (known, other) in self.0.iter_mut().zip(&other.0) {
            let time = |exemplar: &Option<Exemplar>| exemplar.map(|exemplar| exemplar.at);
            if time(other) > time(known) {
                *known = *other;
            }
        }
    }
}

impl Examples {
    /// Keeps the first request of each bucket and second, unless another thread is reading or writing.
    pub(super) fn offer(&self, exemplar: Exemplar) {
        let bucket = bucket(exemplar.nanos);
        let Some(known) = self.seconds.get(bucket) else {
            return;
        };
        let second = exemplar.at.as_second();
        if known.swap(second, Ordering::Relaxed) == second {
            return;
        }
        if let Ok(mut newest) = self.newest.try_lock()
            && let Some(newest) = newest.0.get_mut(bucket)
        {
            *newest = Some(exemplar);
        }
    }

    pub(super) fn newest(&self) -> Exemplars {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn trace(value: &str) -> Option<String> {
        TraceId::parse(value.as_bytes()).map(|trace| trace.to_string())
    }

    #[test]
    fn a_sampled_trace_of_the_header_has_an_id() {
        let found = |value: String| trace(&value).as_deref() == Some(TRACE);
        assert!(found(format!("00-{TRACE}-00f067aa0ba902b7-01")));
        assert!(found(format!("00-{TRACE}-00f067aa0ba902b7-ff")));
        assert!(found(format!("01-{TRACE}-00f067aa0ba902b7-01-later")));
        let invalid = [
            String::new(),
            format!("00-{TRACE}-00f067aa0ba902b7-00"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-later"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("01-{TRACE}-00f067aa0ba902b7-01later"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-00f067aa0ba902b7-1"),
            format!("00_{TRACE}_00f067aa0ba902b7_01"),
            format!("00-{TRACE}-00f067aa0ba902b7-0é"),
            format!("0-0{TRACE}-00f067aa0ba902b7-01"),
            format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]),
        ];
        for value in invalid {
            assert_eq!(trace(&value), None, "{value}");
        }
    }

    #[test]
    fn a_request_with_two_headers_has_no_trace() {
        let mut headers = HeaderMap::new();
        let value: http::HeaderValue = format!("00-{TRACE}-00f067aa0ba902b7-01").parse().unwrap();
        headers.append("traceparent", value.clone());
        assert!(TraceId::of_request(&headers).is_some());
        headers.append("traceparent", value);
        assert_eq!(TraceId::of_request(&headers), None);
    }

    #[test]
    fn each_bucket_keeps_the_first_request_of_the_newest_second() {
        let examples = Examples::default();
        let at = |at: &str| format!("2030-01-01T00:00:{at}Z").parse().unwrap();
        let offer = |trace: u128, nanos: u64, seconds: &str| {
            let trace = TraceId(NonZeroU128::new(trace).unwrap());
            let at = at(seconds);
            examples.offer(Exemplar { trace, nanos, at });
        };
        offer(1, 1, "00.1");
        offer(2, 2, "00.9");
        offer(3, 6_000_000, "00.9");
        let of = |bucket| {
            let newest = examples.newest();
            newest.of(bucket).map(|exemplar| exemplar.trace.0.get())
        };
        assert_eq!([of(0), of(1), of(2)], [Some(1), Some(3), None]);
        offer(4, 3, "01");
        assert_eq!(of(0), Some(4));

        let mut merged = Exemplars::default();
        merged.merge(&examples.newest());
        assert_eq!(merged, examples.newest());
        let mut older = Exemplars::default();
        older.0[0] = merged.0[0].map(|newest| Exemplar {
            at: at("00"),
            ..newest
        });
        merged.merge(&older);
        assert_eq!(merged, examples.newest());
    }
}
