//! Puts the document together for one picture.

use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Value, json};
use waygate_core::{Timestamp, model::GlobalMaintenance};

use super::{
    annotate,
    conditional::strong_etag,
    filter::{Listing, Notes, View},
    json::Writer,
    parts::{Operation, Parts, PathItem},
    prune::{self, Uses},
};

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

/// An operation that is shown.
type Shown<'a> = (&'a Operation, Notes<'a>);

pub(super) fn render(parts: &Parts, view: View<'_>) -> Rendering {
    let (mut items, mut hidden) = (Vec::with_capacity(parts.items.len()), false);
    for item in &parts.items {
        let shown: Vec<Shown<'_>> = item
            .operations
            .iter()
            .filter_map(|operation| match view.of(operation.method, &item.path) {
                Listing::Hidden => None,
                Listing::Shown(notes) => Some((operation, notes)),
            })
            .collect();
        hidden |= shown.len() < item.operations.len();
        if !shown.is_empty() || item.operations.is_empty() {
            items.push((item, shown));
        }
    }
    let global = global(&view);
    let bytes = Bytes::from(write(parts, &items, hidden, &global));
    Rendering {
        version: view.snapshot.version,
        until: view
            .snapshot
            .timed()
            .map(|(_, at)| at)
            .filter(|at| *at > view.now)
            .min(),
        etag: strong_etag(&bytes),
        bytes,
        #[cfg(feature = "swagger-ui")]
        state: state(view.snapshot.version, &global, &items),
    }
}

#[cfg(feature = "swagger-ui")]
fn state(version: u64, global: &Value, items: &[(&PathItem, Vec<Shown<'_>>)]) -> String {
    let shown = items.iter().flat_map(|(_, shown)| shown);
    let maintenance = shown.filter(|(_, notes)| notes.maintenance.is_some());
    let mut writer = Writer::default();
    writer.object("", |writer| {
        writer.member("version", version);
        writer.member("global", global.clone());
        writer.member("maintenance", maintenance.count());
    });
    writer.finish()
}

fn write(
    parts: &Parts,
    items: &[(&PathItem, Vec<Shown<'_>>)],
    hidden: bool,
    global: &Value,
) -> String {
    // Annotations add a little to an operation: room for all of them in maintenance.
    let mut writer = Writer::with_capacity(parts.bytes + parts.bytes / 4);
    writer.object("", |writer| {
        let version = |name: &str| name == "openapi";
        writer.members(parts.root.iter().filter(|member| version(&member.name)));
        writer.object("\"info\":", |writer| {
            let kept = |name: &str| name != GLOBAL;
            writer.members(parts.info.iter().filter(|member| kept(&member.name)));
            writer.member(GLOBAL, global.clone());
        });
        writer.members(parts.root.iter().filter(|member| !version(&member.name)));
        tags(writer, parts, items);
        writer.object("\"paths\":", |writer| {
            for (item, shown) in items {
                writer.object(&item.head, |writer| {
                    writer.members(&item.rest);
                    for (operation, notes) in shown {
                        if notes.is_empty() {
                            writer.object(&operation.head, |w| w.members(&operation.members));
                        } else {
                            annotate::write(writer, operation, *notes);
                        }
                    }
                });
            }
        });
        components(writer, parts, items, hidden);
    });
    writer.finish()
}

/// Leaves out the tags that only hidden operations have.
fn tags(writer: &mut Writer, parts: &Parts, items: &[(&PathItem, Vec<Shown<'_>>)]) {
    let shown = items.iter().flat_map(|(_, shown)| shown);
    let used: std::collections::HashSet<&str> = shown
        .flat_map(|(operation, _)| operation.tags.iter().map(|tag| &**tag))
        .collect();
    let kept = parts
        .tags
        .iter()
        .filter(|tag| !tag.used || used.contains(&*tag.name));
    let mut kept = kept.peekable();
    if kept.peek().is_some() {
        writer.array("\"tags\":", |writer| {
            kept.for_each(|tag| writer.piece(&tag.text))
        });
    }
}

/// While an operation is hidden, leaves out all components that nothing leads to: also those which nothing led to
/// before, since nobody can tell whose they are (utoipa collects such for the arguments of generic types).
fn components(
    writer: &mut Writer,
    parts: &Parts,
    items: &[(&PathItem, Vec<Shown<'_>>)],
    hidden: bool,
) {
    let kinds = &parts.components;
    let edges: Vec<&Uses> = kinds
        .iter()
        .flat_map(|kind| &kind.entries)
        .map(|c| &c.uses)
        .collect();
    let kept = if hidden {
        let shown = items.iter().flat_map(|(item, shown)| {
            let operations = shown.iter().map(|(operation, _)| &operation.uses);
            operations.chain([&item.uses])
        });
        let seeds = shown
            .chain([&parts.uses])
            .flat_map(|uses| uses.iter().copied());
        prune::reachable(&edges, seeds)
    } else {
        vec![true; edges.len()]
    };
    if !kept.contains(&true) && parts.other_components.is_empty() {
        return;
    }
    writer.object("\"components\":", |writer| {
        writer.members(&parts.other_components);
        let mut kept = &*kept;
        for kind in kinds {
            let (of_kind, others) = kept.split_at(kind.entries.len());
            kept = others;
            if of_kind.contains(&true) {
                let entries = kind.entries.iter().zip(of_kind);
                let entries = entries.filter(|(_, kept)| **kept);
                writer.object(&kind.head, |writer| {
                    writer.members(entries.map(|(component, _)| &component.member));
                });
            }
        }
    });
}

const GLOBAL: &str = "x-waygate-global-maintenance";

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
