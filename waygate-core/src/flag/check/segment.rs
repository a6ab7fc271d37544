use std::{collections::HashSet, sync::Arc};

use super::{
    rule::{clauses, patterns_fit},
    text::{count, distinct, keys, line, prose, tags},
};
use crate::flag::{
    compile::{CompileOptions, CompiledSegment},
    model::Segment,
    place::Place,
    problem::{ProblemCode, Problems},
};

/// The most keys of a list.
pub(super) const MAX_KEYS: usize = 250_000;

/// Checks a segment by itself.
pub(in crate::flag) fn segment(segment: &Segment, problems: &mut Problems) {
    let member = |name| Place::Member(&Place::Root, name);
    line(&segment.name, 1, 256, member("name"), problems);
    prose(&segment.description, 2_000, member("description"), problems);
    tags(&segment.tags, problems);
    if let Some(kind) = &segment.context_kind {
        line(kind, 1, 128, member("context_kind"), problems);
    }
    for (name, list) in [
        ("included", &segment.included),
        ("excluded", &segment.excluded),
    ] {
        let place = member(name);
        count(list.len(), MAX_KEYS, "keys", place, problems);
        keys(list, &place, problems);
    }
    let excluded: HashSet<&String> = segment.excluded.iter().collect();
    let list = member("included");
    for (at, key) in segment.included.iter().enumerate() {
        if excluded.contains(key) {
            let message = format!("`{key}` is excluded as well");
            problems.add(Place::Index(&list, at), ProblemCode::Contradiction, message);
        }
    }
    let list = member("rules");
    count(segment.rules.len(), 500, "rules", list, problems);
    distinct(
        segment.rules.iter().map(|rule| &*rule.id),
        &list,
        "id",
        problems,
    );
    for (at, rule) in segment.rules.iter().enumerate() {
        let place = Place::Index(&list, at);
        line(&rule.id, 1, 128, Place::Member(&place, "id"), problems);
        prose(
            &rule.description,
            2_000,
            Place::Member(&place, "description"),
            problems,
        );
        if let Some(name) = &rule.bucket_by {
            line(name, 1, 256, Place::Member(&place, "bucket_by"), problems);
        }
        clauses(&rule.clauses, &place, problems);
    }
    let clauses = segment.rules.iter().flat_map(|rule| &rule.clauses);
    if patterns_fit(clauses, list, problems) && !problems.has(ProblemCode::TooLarge) {
        let segment = Arc::new(segment.clone());
        let (_, unusable) = CompiledSegment::compile(segment, CompileOptions::default());
        problems.extend(unusable);
    }
}
