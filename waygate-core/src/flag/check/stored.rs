//! References of stored definitions that do not work, for reports.

use std::collections::HashMap;

use super::{cost::Cost, definitions::Definitions, layer, needs::needed_segments};
use crate::flag::{
    key::FlagKey,
    model::Flag,
    place::Place,
    problem::{ProblemCode, Problems},
};

/// Returns the flags that evaluate to an error for some contexts since they use a segment that does not exist or need too
/// many decisions, and the flags of a layer that are not exclusive. Flags that are written are checked for both by
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
    let mut cost = Cost::of(definitions);
    let mut layers: HashMap<&str, Vec<&Flag>> = HashMap::new();
    let mut faults = Vec::new();
    for flag in definitions.flags() {
        let mut problems = Problems::default();
        missing_segments(flag, definitions, &mut problems);
        if let Some(excess) = cost.excess(flag.key.as_str()) {
            problems.push("/rules", ProblemCode::TooDeep, excess);
        }
        if let Some(layer) = &flag.layer {
            let members = layers.entry(&layer.layer).or_default();
            members
                .iter()
                .for_each(|other| layer::pair(flag, other, &mut problems));
            members.push(flag);
        }
        if !problems.is_empty() {
            faults.push((flag.key.clone(), problems));
        }
    }
    faults
}

fn missing_segments(flag: &Flag, definitions: &impl Definitions, problems: &mut Problems) {
    let list = Place::Member(&Place::Root, "rules");
    for (at, rule) in flag.rules.iter().enumerate() {
        let needed = rule.clauses.iter().flat_map(needed_segments);
        for (_, key) in needed.filter(|(_, key)| definitions.segment(key).is_none()) {
            let message = format!("the segment `{key}` does not exist or cannot be read");
            problems.push(
                Place::Index(&list, at),
                ProblemCode::UnknownSegment,
                message,
            );
        }
    }
}
