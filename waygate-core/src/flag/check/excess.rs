//! Flags that need too much after a change, and more than before: steps of prerequisites, or decisions about segments.

use super::{
    cost::{Cost, Costs},
    definitions::Definitions,
    index::Index,
};
use crate::flag::{
    model::{Flag, Segment},
    problem::{ProblemCode, Problems},
};

/// Checks a flag that is written, and those that need it.
pub(super) fn of_flag(flag: &Flag, index: &Index<'_>, problems: &mut Problems) {
    let own = flag.key.as_str();
    let mut costs = index.costs();
    let cost = costs.written_flag(flag);
    // The others need more only if this one does.
    let rises = cost.beyond(costs.flag(own)) != Cost::default();
    let stored_users = index.flag_users();
    let needed = stored_users.key(own).filter(|_| rises);
    let Some(needed) = needed else {
        of_itself(cost, problems);
        return;
    };
    let mut affected = stored_users.all_above(own);
    affected.insert(needed);
    let after = costs.flags_above(affected.iter().copied(), needed, cost);
    for (key, after) in affected.into_iter().zip(after) {
        match key == own {
            true => of_itself(cost, problems),
            false => of_other(key, costs.flag(key), after, problems),
        }
    }
}

/// Checks the flags that use a segment that is written.
pub(super) fn of_segment(segment: &Segment, index: &Index<'_>, problems: &mut Problems) {
    let key = segment.key.as_str();
    let stored = index.segment(key);
    if stored.is_some_and(|stored| std::ptr::eq(stored, segment)) {
        return;
    }
    let mut before = index.costs();
    let mut after = Costs::with(segment, index.others());
    let ((height, cost), (next_height, next_cost)) = (before.segment(key), after.segment(key));
    if next_height <= height && next_cost <= cost {
        return;
    }
    for flag in index.flags() {
        let (before, after) = (before.known_flag(flag), after.known_flag(flag));
        of_other(flag.key.as_str(), before, after, problems);
    }
}

/// Checks the flags that stay as they are while a document replaces others.
pub(in crate::flag) fn of_others<'a>(
    others: impl Iterator<Item = &'a Flag>,
    before: &impl Definitions,
    after: &impl Definitions,
    problems: &mut Problems,
) {
    let (mut before, mut after) = (Costs::of(before), Costs::of(after));
    for flag in others {
        let key = flag.key.as_str();
        for (_, excess) in after
            .known_flag(flag)
            .beyond(before.known_flag(flag))
            .excess()
        {
            let message = format!("the stored flag `{key}` would be too wide: {excess}");
            problems.push("", ProblemCode::TooDeep, message);
        }
        if problems.is_full() {
            break;
        }
    }
}

fn of_itself(cost: Cost, problems: &mut Problems) {
    for (place, excess) in cost.excess() {
        problems.push(place, ProblemCode::TooDeep, excess);
    }
}

fn of_other(key: &str, before: Cost, after: Cost, problems: &mut Problems) {
    for (place, excess) in after.beyond(before).excess() {
        let message = format!("the flag `{key}` would be too wide: {excess}");
        problems.push(place, ProblemCode::TooDeep, message);
    }
}
