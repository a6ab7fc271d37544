use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Value, json};
use waygate_core::{Timestamp, grammar::format_wire, model::GlobalMaintenance};

use super::{
    conditional::strong_etag, filter::View, notices::Notices, parts::Parts, select::Selection,
};
use crate::engine::RateLimitHeaders;

/// The document for one snapshot.
#[derive(Debug)]
pub(crate) struct Rendering {
    /// The snapshot's version.
    pub(super) version: u64,
    /// The instant of the next rendering, even if the scheduler wakes late.
    pub(super) until: Option<Timestamp>,
    pub(super) bytes: Bytes,
    /// Derived from the bytes alone, so that all replicas return the same.
    pub(super) etag: HeaderValue,
    /// The event for open pages: `{"version":4,"global":{"enabled":false},"maintenance":1}`, where `maintenance`
    /// counts the operations shown as in maintenance. With `service` if its maintenance is active or planned.
    #[cfg(feature = "swagger-ui")]
    pub(super) state: String,
}

/// Renders the document for one snapshot.
pub(super) fn render(parts: &Parts, view: View<'_>, headers: RateLimitHeaders) -> Rendering {
    let selection = Selection::of(parts, view, headers);
    let notices = Notices::of(&view, &selection);
    let bytes = Bytes::from(selection.write(&notices));
    let snapshot = view.snapshot;
    // The published next boundary may have passed already.
    let boundary = |slot| snapshot.slot(slot)?.state.position.next_change(view.now);
    let of_routes = snapshot.timed().filter_map(|(slot, _)| boundary(slot));
    let of_maintenance = snapshot.maintenances();
    let of_maintenance = of_maintenance.filter_map(|(_, set)| set.config.next_change(view.now));
    Rendering {
        version: snapshot.version,
        until: of_routes.chain(of_maintenance).min(),
        etag: strong_etag(&bytes),
        bytes,
        #[cfg(feature = "swagger-ui")]
        state: state(snapshot.version, &notices, &selection),
    }
}

impl Notices {
    fn of(view: &View<'_>, selection: &Selection<'_>) -> Self {
        let (mut global, mut service) = (json!({"enabled": false}), None);
        for (scope, maintained) in view.snapshot.maintenances().filter(|_| !view.bypassed) {
            let mut set = maintained.config.at(view.now);
            // Other services are not public.
            set.exempt_paths.retain(|exempt| selection.shows(exempt));
            match scope.service() {
                None => global = notice(&set),
                Some(_) if !set.enabled && set.start.is_none() => {}
                Some(name) => {
                    let mut notice = notice(&set);
                    notice["service"] = json!(name);
                    service = Some(notice);
                }
            }
        }
        Self {
            global,
            service,
            texts: view.snapshot.records.notices(),
        }
    }
}

/// Without the exemptions of clients, since the document is public.
fn notice(set: &GlobalMaintenance) -> Value {
    let instant = |at: Timestamp| format_wire(at, "Z");
    let GlobalMaintenance {
        enabled,
        reason,
        exempt_paths,
        start,
        end,
        ..
    } = set;
    let mut notice = json!({"enabled": enabled});
    if *enabled {
        notice["reason"] = json!(reason);
        notice["exempt_paths"] = json!(exempt_paths);
        if let Some(end) = end {
            notice["until"] = json!(instant(*end));
        }
    } else if let Some(start) = start {
        let mut planned = json!({"reason": reason, "start": instant(*start)});
        if let Some(end) = end {
            planned["end"] = json!(instant(*end));
        }
        notice["planned"] = planned;
    }
    notice
}

#[cfg(feature = "swagger-ui")]
fn state(version: u64, notices: &Notices, selection: &Selection<'_>) -> String {
    let maintenance = selection.in_maintenance();
    let global = &notices.global;
    let mut state = json!({"version": version, "global": global, "maintenance": maintenance});
    if let Some(service) = &notices.service {
        state["service"] = service.clone();
    }
    if !notices.texts.is_empty() {
        state["notices"] = json!(notices.texts);
    }
    state.to_string()
}
