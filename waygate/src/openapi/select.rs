use std::collections::HashSet;

use serde_json::Value;
use waygate_core::model::ExemptPath;

use super::{
    annotate,
    answers::{self, Answer},
    filter::{Listing, View},
    json::{Member, Writer},
    notes::Notes,
    notices::Notices,
    parts::{Kind, Operation, Parts, PathItem, TAG_GROUPS},
    prune::{self, Uses},
};
use crate::engine::RateLimitHeaders;

/// The visible parts of a document.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    parts: &'a Parts,
    items: Vec<(&'a PathItem, Vec<Shown<'a>>)>,
    /// `true` if any operation is hidden.
    partial: bool,
}

/// An operation with its notes.
#[derive(Debug)]
struct Shown<'a> {
    operation: &'a Operation,
    notes: Box<Notes<'a>>,
    /// The refusals that it does not document itself.
    answers: Vec<Answer>,
}

const SCHEMAS: &str = "\"schemas\":";
const GLOBAL: &str = "x-waygate-global-maintenance";
const SERVICE: &str = "x-waygate-service-maintenance";
const NOTICES: &str = "x-waygate-notices";

impl<'a> Selection<'a> {
    pub(super) fn of(parts: &'a Parts, view: View<'a>, headers: RateLimitHeaders) -> Self {
        let (mut items, mut partial) = (Vec::with_capacity(parts.items.len()), false);
        for item in &parts.items {
            let look = |operation: &'a Operation| match view.of(operation.method, &item.path) {
                Listing::Hidden => None,
                Listing::Shown(notes) => Some(Shown {
                    operation,
                    answers: answers::of(&notes, &operation.responses, headers),
                    notes,
                }),
            };
            let shown: Vec<Shown<'a>> = item.operations.iter().filter_map(look).collect();
            partial |= shown.len() < item.operations.len();
            if !shown.is_empty() || item.operations.is_empty() {
                items.push((item, shown));
            }
        }
        Self {
            parts,
            items,
            partial,
        }
    }

    fn operations(&self) -> impl Iterator<Item = &Shown<'a>> {
        self.items.iter().flat_map(|(_, shown)| shown)
    }

    /// The number of operations shown as in maintenance.
    #[cfg(feature = "swagger-ui")]
    pub(super) fn in_maintenance(&self) -> usize {
        self.operations()
            .filter(|shown| shown.notes.maintenance.is_some())
            .count()
    }

    /// Renders the document as JSON. Returns `true` if an exemption covers a visible operation.
    pub(super) fn shows(&self, exempt: &ExemptPath) -> bool {
        self.items.iter().any(|(item, operations)| {
            let mut methods = operations.iter().map(|shown| shown.operation.method);
            methods.any(|method| exempt.covers(Some(method), &item.path))
        })
    }

    pub(super) fn write(&self, notices: &Notices) -> Vec<u8> {
        let parts = self.parts;
        // Space for annotations, which are short compared to operations.
        let mut writer = Writer::with_capacity(parts.bytes + parts.bytes / 4);
        writer.object("", |writer| {
            let version = |name: &str| name == "openapi";
            writer.members(parts.root.iter().filter(|member| version(&member.name)));
            writer.object("\"info\":", |writer| {
                let ours = |member: &&Member| [GLOBAL, SERVICE, NOTICES].contains(&&*member.name);
                writer.members(parts.info.iter().filter(|member| !ours(member)));
                writer.member(GLOBAL, &notices.global);
                if let Some(service) = &notices.service {
                    writer.member(SERVICE, service);
                }
                if !notices.texts.is_empty() {
                    writer.member(NOTICES, &notices.texts);
                }
            });
            writer.members(parts.root.iter().filter(|member| !version(&member.name)));
            self.write_tags(writer);
            writer.object("\"paths\":", |writer| self.write_paths(writer));
            self.write_components(writer);
        });
        writer.finish()
    }

    fn write_paths(&self, writer: &mut Writer) {
        writer.members(&self.parts.other_paths);
        for (item, shown) in &self.items {
            writer.object(&item.head, |writer| {
                writer.members(&item.rest);
                for Shown {
                    operation,
                    notes,
                    answers,
                } in shown
                {
                    if notes.is_empty() {
                        writer.object(&operation.head, |w| w.members(&operation.members));
                    } else {
                        annotate::write(writer, operation, notes, answers);
                    }
                }
            });
        }
    }

    /// Removes the tags that only hidden operations have, and groups of nothing else.
    fn write_tags(&self, writer: &mut Writer) {
        let tags = self.operations().flat_map(|shown| &shown.operation.tags);
        let shown: HashSet<&str> = tags.map(|tag| &**tag).collect();
        let is_hidden = |tag: &Value| {
            let tag = tag.as_str().unwrap_or_default();
            self.parts.used_tags.contains(tag) && !shown.contains(tag)
        };
        let without_hidden = |group: &Value| {
            let mut group = group.clone();
            if let Some(Value::Array(tags)) = group.get_mut("tags") {
                let before = tags.len();
                tags.retain(|tag| !is_hidden(tag));
                if tags.is_empty() && before > 0 {
                    return None;
                }
            }
            Some(group)
        };
        let groups = self.parts.tag_groups.iter().filter_map(without_hidden);
        let groups: Vec<Value> = groups.collect();
        if !groups.is_empty() {
            writer.member(TAG_GROUPS, &groups);
        }
        let tags = self.parts.tags.iter();
        let mut kept = tags
            .filter(|tag| !tag.used || shown.contains(&*tag.name))
            .peekable();
        if kept.peek().is_some() {
            writer.array("\"tags\":", |writer| {
                kept.for_each(|tag| writer.piece(&tag.text));
            });
        }
    }

    fn write_components(&self, writer: &mut Writer) {
        let Parts {
            components,
            other_components,
            ..
        } = self.parts;
        let (kept, added) = (self.kept_components(), self.added_schemas());
        if !kept.contains(&true) && other_components.is_empty() && added.is_empty() {
            return;
        }
        writer.object("\"components\":", |writer| {
            writer.members(other_components);
            let mut kept = &*kept;
            for Kind { head, entries } in components {
                let (of_kind, others) = kept.split_at(entries.len());
                kept = others;
                // A kind that was empty from the start is kept.
                let has_added = &**head == SCHEMAS && !added.is_empty();
                if entries.is_empty() || of_kind.contains(&true) || has_added {
                    let entries = entries.iter().zip(of_kind).filter(|(_, kept)| **kept);
                    let entries = entries.map(|(component, _)| &component.member);
                    writer.object(head, |writer| {
                        let names: HashSet<&str> = entries.clone().map(|own| &*own.name).collect();
                        writer.members(entries);
                        if has_added {
                            let is_new = |schema: &&&Member| !names.contains(&*schema.name);
                            writer.members(added.iter().filter(is_new).copied());
                        }
                    });
                }
            }
            if !added.is_empty() && components.iter().all(|kind| &*kind.head != SCHEMAS) {
                writer.object(SCHEMAS, |writer| writer.members(added.iter().copied()));
            }
        });
    }

    /// The schemas of the visible refusals.
    fn added_schemas(&self) -> Vec<&'static Member> {
        let answers = self.operations().flat_map(|shown| &shown.answers);
        let mut added: Vec<&'static Member> = Vec::new();
        for schema in answers
            .filter_map(Answer::body)
            .flat_map(|body| &body.schemas)
        {
            if !added.iter().any(|known| known.name == schema.name) {
                added.push(schema);
            }
        }
        added
    }

    /// While an operation is hidden, removes all unreferenced components, including those that were never referenced,
    /// since their owner is unknown. utoipa collects such components for the arguments of generic types.
    fn kept_components(&self) -> Vec<bool> {
        let components = self.parts.components.iter().flat_map(|kind| &kind.entries);
        let edges: Vec<&Uses> = components.map(|component| &component.uses).collect();
        if !self.partial {
            return vec![true; edges.len()];
        }
        let shown = self.items.iter().flat_map(|(item, shown)| {
            let operations = shown.iter().map(|shown| &shown.operation.uses);
            operations.chain([&item.uses])
        });
        let seeds = shown.chain([&self.parts.uses]);
        prune::reachable(&edges, seeds.flat_map(|uses| uses.iter().copied()))
    }
}
