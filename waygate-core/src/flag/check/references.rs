use std::borrow::Cow;

use super::{
    cost,
    definitions::Definitions,
    graph::{MAX_DEPTH, MOST_STEPS, Tangle, follow, longest_chain},
    layer,
    needs::needed_segments,
};
use crate::{
    flag::{
        model::{Clause, Flag, Prerequisite, Segment},
        place::Place,
        problem::{ProblemCode, Problems},
        scheduled,
        words::expected,
    },
    similar::nearest,
};

/// Checks what a flag that is written needs of the others, and what they need of it: prerequisites and segments exist,
/// form no circle and no long chain, and parts of layers do not overlap. The same goes for the flag after each of its
/// scheduled changes.
///
/// # Errors
/// All problems, each with its place in the flag.
pub fn check_flag(flag: &Flag, others: &impl Definitions) -> Result<(), Problems> {
    let mut problems = state(flag, others);
    let mut known = problems.clone();
    let list = Place::Member(&Place::Root, "scheduled_changes");
    for (at, next) in scheduled::states(flag) {
        let new = state(&next, others).without(&known);
        let place = Place::Index(&list, at);
        for problem in new.iter() {
            let message = format!("the flag would be invalid after this change: {problem}");
            problems.push(Place::Member(&place, "payload"), problem.code, message);
        }
        known.append("", new);
    }
    problems.or(())
}

/// Returns the problems of a flag without its scheduled changes.
fn state(flag: &Flag, others: &impl Definitions) -> Problems {
    let mut problems = Problems::default();
    let p = &mut problems;
    prerequisites(flag, others, p);
    let list = Place::Member(&Place::Root, "rules");
    for (at, rule) in flag.rules.iter().enumerate() {
        segments(&rule.clauses, &Place::Index(&list, at), others, None, p);
    }
    let key = flag.key.as_str();
    for other in others.flags().filter(|other| other.key != flag.key) {
        for (other, when) in over_time(other) {
            let mut needs = other.prerequisites.iter();
            let lacks = |it: &&Prerequisite| {
                it.flag_key == flag.key && flag.variation(&it.variation).is_none()
            };
            if let Some(lacking) = needs.find(lacks) {
                let name = &lacking.variation;
                let message = format!(
                    "the flag `{}` requires the variation `{name}`{when}",
                    other.key
                );
                p.push("/variations", ProblemCode::InUse, message);
                break;
            }
        }
        layer::pair(flag, other, p);
    }
    let needs = |of: &str| -> Vec<&str> {
        let flag = match of == key {
            true => Some(flag),
            false => others.flag(of),
        };
        let needs = flag.map_or(&[][..], |flag| &*flag.prerequisites);
        needs.iter().map(|other| other.flag_key.as_str()).collect()
    };
    let users = |of: &str| -> Vec<&str> {
        let users = others.flags().filter(|other| {
            let mut needs = other.prerequisites.iter();
            needs.any(|needed| needed.flag_key.as_str() == of)
        });
        users.map(|flag| flag.key.as_str()).collect()
    };
    tangles(key, &needs, &users, "/prerequisites", "prerequisites", p);
    if !p.has(ProblemCode::Cycle) && !p.has(ProblemCode::TooDeep) {
        cost::of_flag(flag, others, p);
    }
    problems
}

/// Returns a flag now, and after each of its scheduled changes.
fn over_time(flag: &Flag) -> impl Iterator<Item = (Cow<'_, Flag>, &'static str)> {
    let later = scheduled::states(flag).into_iter();
    let later = later.map(|(_, next)| (Cow::Owned(next), " after a scheduled change"));
    std::iter::once((Cow::Borrowed(flag), "")).chain(later)
}

/// Checks what a segment that is written needs of the others.
///
/// # Errors
/// All problems, each with its place in the segment.
pub fn check_segment(segment: &Segment, others: &impl Definitions) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let key = segment.key.as_str();
    let list = Place::Member(&Place::Root, "rules");
    for (at, rule) in segment.rules.iter().enumerate() {
        let place = Place::Index(&list, at);
        segments(&rule.clauses, &place, others, Some(key), &mut problems);
    }
    let needs = |of: &str| -> Vec<&str> {
        let segment = match of == key {
            true => Some(segment),
            false => others.segment(of),
        };
        let rules = segment.map_or(&[][..], |segment| &*segment.rules);
        let clauses = rules.iter().flat_map(|rule| &rule.clauses);
        clauses
            .flat_map(needed_segments)
            .map(|(_, key)| key)
            .collect()
    };
    let users = |of: &str| -> Vec<&str> {
        let users = others.segments().filter(|other| uses_segment(other, of));
        users.map(|segment| segment.key.as_str()).collect()
    };
    tangles(key, &needs, &users, "/rules", "segments", &mut problems);
    // Circles are reported already.
    if problems.is_empty() {
        cost::of_segment(segment, others, &mut problems);
    }
    problems.or(())
}

/// Checks that no flag needs one that is removed, neither now nor after a scheduled change.
///
/// # Errors
/// A problem for each flag that does.
pub fn check_flag_removal(key: &str, others: &impl Definitions) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for flag in others.flags().filter(|flag| flag.key.as_str() != key) {
        let uses = |flag: &Flag| {
            let mut needs = flag.prerequisites.iter();
            needs.any(|needed| needed.flag_key.as_str() == key)
        };
        if let Some((_, when)) = over_time(flag).find(|(flag, _)| uses(flag)) {
            let message = format!("`{key}` is a prerequisite of the flag `{}`{when}", flag.key);
            problems.push("", ProblemCode::InUse, message);
        }
    }
    problems.or(())
}

/// Checks that no flag and no other segment needs a segment that is removed, neither now nor after a scheduled change.
///
/// # Errors
/// A problem for each that does.
pub fn check_segment_removal(key: &str, others: &impl Definitions) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let uses = |clauses: &[Clause]| {
        clauses
            .iter()
            .flat_map(needed_segments)
            .any(|(_, it)| it == key)
    };
    let in_rules = |flag: &Flag| flag.rules.iter().any(|rule| uses(&rule.clauses));
    for flag in others.flags() {
        if let Some((_, when)) = over_time(flag).find(|(flag, _)| in_rules(flag)) {
            let message = format!("the flag `{}` uses the segment `{key}`{when}", flag.key);
            problems.push("", ProblemCode::InUse, message);
        }
    }
    for segment in others
        .segments()
        .filter(|segment| segment.key.as_str() != key)
    {
        if uses_segment(segment, key) {
            let message = format!("the segment `{}` uses the segment `{key}`", segment.key);
            problems.push("", ProblemCode::InUse, message);
        }
    }
    problems.or(())
}

fn prerequisites(flag: &Flag, others: &impl Definitions, problems: &mut Problems) {
    let list = Place::Member(&Place::Root, "prerequisites");
    for (at, prerequisite) in flag.prerequisites.iter().enumerate() {
        let place = Place::Index(&list, at);
        let (key, name) = (prerequisite.flag_key.as_str(), &prerequisite.variation);
        let other = match key == flag.key.as_str() {
            // A circle, which is reported as such.
            true => continue,
            false => others.flag(key),
        };
        let Some(other) = other else {
            let keys: Vec<&str> = others.flags().map(|flag| flag.key.as_str()).collect();
            let help = nearest(key, &keys);
            let help = help.map(|meant| format!("; did you mean `{meant}`?"));
            let message = format!("there is no flag `{key}`{}", help.unwrap_or_default());
            let place = Place::Member(&place, "flag_key");
            problems.add(place, ProblemCode::UnknownFlag, message);
            continue;
        };
        if other.variation(name).is_none() {
            let names = other.variations.iter().map(|variation| &*variation.name);
            let names: Vec<&str> = names.collect();
            let help = expected(name, &names);
            let message = format!("the flag `{key}` has no variation `{name}`; {help}");
            let place = Place::Member(&place, "variation");
            problems.add(place, ProblemCode::UnknownVariation, message);
        }
    }
}

fn segments(
    clauses: &[Clause],
    rule: &Place<'_>,
    others: &impl Definitions,
    own: Option<&str>,
    problems: &mut Problems,
) {
    let list = Place::Member(rule, "clauses");
    for (at, clause) in clauses.iter().enumerate() {
        for (value_at, key) in needed_segments(clause) {
            if own != Some(key) && others.segment(key).is_none() {
                let place = Place::Index(&list, at);
                let place = Place::Member(&place, "values");
                let place = Place::Index(&place, value_at);
                let message = format!("there is no segment `{key}`");
                problems.add(place, ProblemCode::UnknownSegment, message);
            }
        }
    }
}

fn uses_segment(segment: &Segment, key: &str) -> bool {
    let clauses = segment.rules.iter().flat_map(|rule| &rule.clauses);
    clauses.flat_map(needed_segments).any(|(_, it)| it == key)
}

fn tangles<'a>(
    key: &'a str,
    needs: &dyn Fn(&str) -> Vec<&'a str>,
    users: &dyn Fn(&str) -> Vec<&'a str>,
    place: &str,
    what: &str,
    problems: &mut Problems,
) {
    let deep = || format!("the {what} form a chain of more than {MAX_DEPTH}");
    match follow(key, needs) {
        Err(Tangle::Circle(keys)) => {
            let message = format!("the {what} form a circle: {}", keys.join(" → "));
            problems.push(place, ProblemCode::Cycle, message);
        }
        Err(Tangle::Deep) => problems.push(place, ProblemCode::TooDeep, deep()),
        Err(Tangle::Wide(steps)) => {
            let message =
                format!("the {what} take {steps} steps; at most {MOST_STEPS} are allowed");
            problems.push(place, ProblemCode::TooDeep, message);
        }
        // The keys below form no circle, so the same walk gives the longest chain.
        Ok(()) if longest_chain(key, users) + longest_chain(key, needs) > MAX_DEPTH => {
            problems.push(place, ProblemCode::TooDeep, deep());
        }
        Ok(()) => {}
    }
}
