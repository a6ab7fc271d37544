//! Flags after their scheduled changes.

use std::borrow::Cow;

use serde_json::Value;

use crate::flag::{
    model::{ChangeAction, Flag, Prerequisite},
    scheduled,
};

/// Returns a flag now, and after each of its scheduled changes.
pub(super) fn over_time(flag: &Flag) -> impl Iterator<Item = (Cow<'_, Flag>, &'static str)> {
    let now = std::iter::once((Cow::Borrowed(flag), ""));
    now.chain(
        std::iter::once_with(|| scheduled::states(flag)).flat_map(|states| {
            let later = states.into_iter();
            later.map(|(_, next)| (Cow::Owned(next), AFTER_CHANGE))
        }),
    )
}

/// The addition to messages about a flag as it will be.
pub(super) const AFTER_CHANGE: &str = " after a scheduled change";

/// Returns the prerequisites after each scheduled change, one list after the other.
pub(super) fn prerequisites(flag: &Flag) -> Vec<Prerequisite> {
    let states = scheduled::states(flag).into_iter();
    let lists = states.map(|(_, next)| next.prerequisites);
    let mut all: Vec<Prerequisite> = Vec::new();
    for list in lists {
        // Most changes leave the list as it is.
        if !all.ends_with(&list) {
            all.extend(list);
        }
    }
    all
}

/// Visits the keys of flags that scheduled changes may add as prerequisites. To know whether they do, a change has to be
/// made, which is slow.
pub(super) fn mentioned_flags<'a>(flag: &'a Flag, visit: &mut dyn FnMut(&'a str)) {
    let changes = flag.scheduled_changes.iter();
    let patches = changes.filter(|change| change.action == ChangeAction::Patch);
    for list in patches.filter_map(|change| change.payload.get("prerequisites")) {
        strings(list, visit);
    }
}

/// Visits the keys of segments that scheduled changes may add to rules.
pub(super) fn mentioned_segments<'a>(flag: &'a Flag, visit: &mut dyn FnMut(&'a str)) {
    for change in &flag.scheduled_changes {
        let rules = match change.action {
            ChangeAction::AddRule => Some(&change.payload),
            ChangeAction::Patch => change.payload.get("rules"),
            _ => None,
        };
        if let Some(rules) = rules {
            strings(rules, visit);
        }
    }
}

/// Visits all strings of a value.
fn strings<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a str)) {
    match value {
        Value::String(string) => visit(string),
        Value::Array(items) => items.iter().for_each(|item| strings(item, visit)),
        Value::Object(members) => members.values().for_each(|value| strings(value, visit)),
        _ => {}
    }
}
