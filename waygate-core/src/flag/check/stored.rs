//! References of stored definitions that do not work, for reports.

use super::{definitions::Definitions, index::Index, needs::needed_segments};
use crate::flag::{
    key::FlagKey,
    model::Flag,
    place::Place,
    problem::{ProblemCode, Problems},
};

/// Returns the flags that evaluate to an error for some contexts since they use a segment that does not exist or have too
/// many or too deep prerequisites or segments, and the flags of a layer that are not exclusive. Flags that are written are checked for both by
/// [`check_flag`](crate::flag::check_flag).
///
/// ```
/// use waygate_core::flag::{Definitions, reference_faults};
///
/// fn report(stored: &impl Definitions) {
///     for (key, problems) in reference_faults(stored) {
///         println!("{key}: {problems}");
///     }
/// }
/// ```
pub fn reference_faults(definitions: &impl Definitions) -> Vec<(FlagKey, Problems)> {
    let index = Index::of(definitions);
    let mut faults = Vec::new();
    for (at, flag) in index.flags().iter().enumerate() {
        let problems = faults_of(at, flag, &index);
        if !problems.is_empty() {
            faults.push((flag.key.clone(), problems));
        }
    }
    faults
}

fn faults_of(at: usize, flag: &Flag, index: &Index<'_>) -> Problems {
    let mut problems = Problems::default();
    missing_segments(flag, index, &mut problems);
    for (place, excess) in index.costs().known_flag(flag).excess() {
        problems.push(place, ProblemCode::TooDeep, excess);
    }
    let conflicts = index.layers().conflicts(flag).into_iter();
    // Of two flags with different attributes, the later one is reported.
    for conflict in conflicts.filter(|it| it.code == ProblemCode::Overlap || it.at < at) {
        problems.push(conflict.pointer, conflict.code, conflict.message);
    }
    problems
}

fn missing_segments(flag: &Flag, index: &Index<'_>, problems: &mut Problems) {
    let list = Place::Member(&Place::Root, "rules");
    for (at, rule) in flag.rules.iter().enumerate() {
        let needed = rule.clauses.iter().flat_map(needed_segments);
        for (_, key) in needed.filter(|(_, key)| index.segment(key).is_none()) {
            let message = format!("the segment `{key}` does not exist or cannot be read");
            problems.push(
                Place::Index(&list, at),
                ProblemCode::UnknownSegment,
                message,
            );
        }
    }
}
