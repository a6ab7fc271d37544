use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Value, json};
use waygate_core::{Timestamp, grammar::format_wire, model::GlobalMaintenance};

use super::{
    conditional::strong_etag, filter::View, notices::Notices, parts::Parts, select::Selection,
};
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
    /// the operations that are shown as in maintenance. With `service` and `notices` where there is something to say.
    #[cfg(feature = "swagger-ui")]
    pub(super) state: String,
}

/// Puts the document together for one picture.
pub(super) fn render(parts: &Parts, view: View<'_>, headers: RateLimitHeaders) -> Rendering {
    let selection = Selection::of(parts, view, headers);
    let notices = Notices::of(&view, &selection);
    let bytes = Bytes::from(selection.write(&notices));
    let snapshot = view.snapshot;
    // What was published as the next boundary may have passed already.
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
            // Others are no matter of the public.
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

/// Nothing of whom it exempts: the document is public.
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
