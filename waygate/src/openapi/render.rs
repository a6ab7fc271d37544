use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Value, json};
use waygate_core::{Timestamp, model::GlobalMaintenance};

use super::{conditional::strong_etag, filter::View, parts::Parts, select::Selection};
use crate::engine::RateLimitHeaders;

/// The document as it is in one picture.
#[derive(Debug)]
pub(crate) struct Rendering {
    /// The picture's version.
    pub(super) version: u64,
    /// The instant at which another rendering is due, whether the scheduler wakes in time or not.
    pub(super) until: Option<Timestamp>,
    pub(super) bytes: Bytes,
    /// Comes from the bytes alone, so that all replicas give the same.
    pub(super) etag: HeaderValue,
    /// What open pages are told: `{"version":4,"global":{"enabled":false},"maintenance":1}`, where `maintenance` counts
    /// the operations that are shown as in maintenance.
    #[cfg(feature = "swagger-ui")]
    pub(super) state: String,
}

/// Puts the document together for one picture.
pub(super) fn render(parts: &Parts, view: View<'_>, headers: RateLimitHeaders) -> Rendering {
    let selection = Selection::of(parts, view, headers);
    let global = global(&view);
    let bytes = Bytes::from(selection.write(&global));
    let snapshot = view.snapshot;
    // What was published as the next boundary may have passed already.
    let boundary = |slot| snapshot.slot(slot)?.state.position.next_change(view.now);
    Rendering {
        version: snapshot.version,
        until: snapshot
            .timed()
            .filter_map(|(slot, _)| boundary(slot))
            .min(),
        etag: strong_etag(&bytes),
        bytes,
        #[cfg(feature = "swagger-ui")]
        state: state(snapshot.version, &global, &selection),
    }
}

/// Global maintenance as the wire contract shows it in `info`.
fn global(view: &View<'_>) -> Value {
    let GlobalMaintenance {
        enabled,
        reason,
        exempt_paths,
        ..
    } = &*view.snapshot.global.config;
    if *enabled && !view.bypassed {
        json!({"enabled": true, "reason": reason, "exempt_paths": exempt_paths})
    } else {
        json!({"enabled": false})
    }
}

#[cfg(feature = "swagger-ui")]
fn state(version: u64, global: &Value, selection: &Selection<'_>) -> String {
    let maintenance = selection.in_maintenance();
    json!({"version": version, "global": global, "maintenance": maintenance}).to_string()
}
