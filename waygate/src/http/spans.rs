//! Attributes of the server span, which a layer around the router has opened.
//!
//! A span of `tracing` gets those of the attributes that it declares as fields. With the feature `otel`, the active span
//! of OpenTelemetry gets them otherwise.

use tracing::{Span, field::display, level_filters::LevelFilter};
use waygate_core::model::LimitKey;

use crate::engine::{BlockReason, Blocked, BlockedBy, Inner};

const VERDICT: &str = "waygate.verdict";
const REASON: &str = "waygate.reason";
const POLICY: &str = "waygate.policy";
const REVISION: &str = "waygate.revision";
const ERROR: &str = "error.type";

/// Notes that a request is served. Without a subscriber, this reads one number.
#[inline]
pub(super) fn allowed(engine: &Inner) {
    if is_watched() {
        note(engine, None);
    }
}

/// Notes that a request is blocked.
pub(super) fn blocked(blocked: &Blocked, engine: &Inner) {
    if is_watched() {
        note(engine, Some(blocked));
    }
}

#[inline]
fn is_watched() -> bool {
    cfg!(feature = "otel") || LevelFilter::current() != LevelFilter::OFF
}

#[cold]
fn note(engine: &Inner, blocked: Option<&Blocked>) {
    let span = Span::current();
    if span.has_field(VERDICT) {
        each(engine, blocked, |name, value| record(&span, name, value));
    } else {
        #[cfg(feature = "otel")]
        note_active(engine, blocked);
    }
}

fn record(span: &Span, name: &'static str, value: Value<'_>) {
    match value {
        Value::Name(value) => span.record(name, value),
        Value::Policy(value) => span.record(name, display(value)),
        Value::Revision(value) => span.record(name, value),
    };
}

/// Sets the attributes of the active span of OpenTelemetry.
#[cfg(feature = "otel")]
fn note_active(engine: &Inner, blocked: Option<&Blocked>) {
    opentelemetry::trace::get_active_span(|span| {
        if !span.is_recording() {
            return;
        }
        each(engine, blocked, |name, value| {
            let value: opentelemetry::Value = match value {
                Value::Name(value) => value.to_owned().into(),
                Value::Policy(value) => value.to_string().into(),
                Value::Revision(value) => i64::try_from(value).unwrap_or(i64::MAX).into(),
            };
            span.set_attribute(opentelemetry::KeyValue::new(name, value));
        });
    });
}

enum Value<'a> {
    Name(&'a str),
    Policy(&'a LimitKey),
    Revision(u64),
}

fn each(engine: &Inner, blocked: Option<&Blocked>, set: impl Fn(&'static str, Value<'_>)) {
    let verdict = match blocked {
        None => "allowed",
        Some(_) => "blocked",
    };
    set(VERDICT, Value::Name(verdict));
    let revision = engine.snapshot.load().revision.number;
    set(REVISION, Value::Revision(revision));
    let Some(blocked) = blocked else {
        return;
    };
    let reason = BlockedBy::of(blocked.reason()).as_str();
    set(REASON, Value::Name(reason));
    if let Some(policy) = policy(blocked.reason()) {
        set(POLICY, Value::Policy(policy));
    }
    // The conventions leave a refusal of the client's request without an error.
    if blocked.status().is_server_error() {
        set(ERROR, Value::Name(&format!("waygate.{reason}")));
    }
}

fn policy(reason: &BlockReason) -> Option<&LimitKey> {
    match reason {
        BlockReason::RateLimited(limited) => Some(&limited.policy),
        BlockReason::ConcurrencyLimited(limited) => Some(&limited.policy),
        BlockReason::KeyMissing(missing) => Some(&missing.policy),
        _ => None,
    }
}
