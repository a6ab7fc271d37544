use std::{collections::HashSet, fmt};

use super::{
    definitions::Definitions,
    excess,
    graph::{MAX_DEPTH, MOST_STEPS, Tangle, follow},
    index::Index,
    later::{AFTER_CHANGE, mentioned_flags, mentioned_segments, over_time},
    layer::Conflict,
    needs::{flag_needs, needed_segments},
    users::Users,
};
use crate::flag::{
    model::{Clause, Flag, Prerequisite, Segment},
    place::Place,
    problem::{ProblemCode, Problems},
    scheduled,
    words::expected,
};

/// Checks definitions against the same others, which are searched once. See [`check_flag`] and [`check_segment`].
///
/// ```
/// use waygate_core::flag::{Checks, Definitions, Flag, Problems, Segment};
///
/// fn check_all(flags: &[Flag], segments: &[Segment], stored: &impl Definitions) -> Result<(), Problems> {
///     let checks = Checks::of(stored);
///     segments.iter().try_for_each(|segment| checks.segment(segment))?;
///     flags.iter().try_for_each(|flag| checks.flag(flag))
/// }
/// ```
pub struct Checks<'a>(Index<'a>);

impl<'a> Checks<'a> {
    /// Creates the checks against these definitions, which are searched when a check needs it.
    ///
    /// ```
    /// use waygate_core::flag::{Checks, Definitions};
    ///
    /// fn checks(stored: &impl Definitions) -> Checks<'_> {
    ///     Checks::of(stored)
    /// }
    /// ```
    pub fn of(others: &'a impl Definitions) -> Self {
        Self(Index::of(others))
    }

    /// Checks a flag.
    ///
    /// # Errors
    /// All problems, each with its place in the flag.
    ///
    /// ```
    /// use waygate_core::flag::{Checks, Flag};
    ///
    /// fn fits(flag: &Flag, checks: &Checks<'_>) -> bool {
    ///     checks.flag(flag).is_ok()
    /// }
    /// ```
    pub fn flag(&self, flag: &Flag) -> Result<(), Problems> {
        flag_problems(flag, &self.0).or(())
    }

    /// Checks a segment.
    ///
    /// # Errors
    /// All problems, each with its place in the segment.
    ///
    /// ```
    /// use waygate_core::flag::{Checks, Segment};
    ///
    /// fn fits(segment: &Segment, checks: &Checks<'_>) -> bool {
    ///     checks.segment(segment).is_ok()
    /// }
    /// ```
    pub fn segment(&self, segment: &Segment) -> Result<(), Problems> {
        segment_problems(segment, &self.0).or(())
    }
}

impl fmt::Debug for Checks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").finish_non_exhaustive()
    }
}

/// Checks what a flag that is written needs of the others, and what they need of it: prerequisites and segments exist,
/// form no cycle and no long chain, and parts of layers do not overlap. The same goes for the flag after each of its
/// scheduled changes.
///
/// # Errors
/// All problems, each with its place in the flag.
pub fn check_flag(flag: &Flag, others: &impl Definitions) -> Result<(), Problems> {
    Checks::of(others).flag(flag)
}

/// Returns the problems of [`check_flag`].
pub(in crate::flag) fn flag_problems(flag: &Flag, index: &Index<'_>) -> Problems {
    let mut problems = state(flag, index);
    let mut known = problems.clone();
    let list = Place::Member(&Place::Root, "scheduled_changes");
    for (at, next) in scheduled::states(flag) {
        let place = Place::Index(&list, at);
        for problem in state(&next, index).without(&known) {
            let message = format!("the flag would be invalid after this change: {problem}");
            problems.push(Place::Member(&place, "payload"), problem.code, message);
            known.push(problem.pointer, problem.code, problem.message);
        }
        if problems.is_full() {
            break;
        }
    }
    problems
}

/// Returns the problems of a flag without its scheduled changes.
fn state(flag: &Flag, index: &Index<'_>) -> Problems {
    let mut problems = Problems::default();
    let p = &mut problems;
    prerequisites(flag, index, p);
    let list = Place::Member(&Place::Root, "rules");
    for (at, rule) in flag.rules.iter().enumerate() {
        segments(&rule.clauses, &Place::Index(&list, at), index, None, p);
    }
    let mut conflicts = removed_variations(flag, index);
    conflicts.extend(index.layers().conflicts(flag));
    // In the order of the other flags.
    conflicts.sort_by_key(|conflict| conflict.at);
    for conflict in conflicts {
        p.push(conflict.pointer, conflict.code, conflict.message);
    }
    let key = flag.key.as_str();
    let needs = |of: &str| -> Vec<&str> {
        let flag = match of == key {
            true => Some(flag),
            false => index.flag(of),
        };
        flag.into_iter().flat_map(flag_needs).collect()
    };
    let (place, what) = ("/prerequisites", "prerequisites");
    tangles(key, &needs, index.flag_users(), place, what, p);
    if !p.has(ProblemCode::Cycle) && !p.has(ProblemCode::TooDeep) {
        excess::of_flag(flag, index, p);
    }
    problems
}

/// Returns a conflict for each flag that requires a variation that a flag does not have.
fn removed_variations(flag: &Flag, index: &Index<'_>) -> Vec<Conflict> {
    let names: HashSet<&str> = flag.variations.iter().map(|it| &*it.name).collect();
    let lacks =
        |it: &&Prerequisite| it.flag_key == flag.key && !names.contains(it.variation.as_str());
    let conflict = |at: usize| {
        let other = index.flags().get(at).filter(|it| it.key != flag.key)?;
        let now = other.prerequisites.iter().find(lacks);
        let later = || index.later_prerequisites(at).iter().find(lacks);
        let found = now.map(|it| (it, ""));
        let (lacking, when) = found.or_else(|| Some((later()?, AFTER_CHANGE)))?;
        let name = &lacking.variation;
        Some(Conflict {
            at,
            pointer: "/variations",
            code: ProblemCode::InUse,
            message: format!(
                "the flag `{}` requires the variation `{name}`{when}",
                other.key
            ),
        })
    };
    let users = index.users_over_time(flag.key.as_str());
    // More would not be reported.
    let conflicts = users.into_iter().filter_map(conflict);
    conflicts.take(Problems::MOST).collect()
}

/// Checks what a segment that is written needs of the others.
///
/// # Errors
/// All problems, each with its place in the segment.
pub fn check_segment(segment: &Segment, others: &impl Definitions) -> Result<(), Problems> {
    Checks::of(others).segment(segment)
}

/// Returns the problems of [`check_segment`].
pub(in crate::flag) fn segment_problems(segment: &Segment, index: &Index<'_>) -> Problems {
    let mut problems = Problems::default();
    let key = segment.key.as_str();
    let list = Place::Member(&Place::Root, "rules");
    for (at, rule) in segment.rules.iter().enumerate() {
        let place = Place::Index(&list, at);
        segments(&rule.clauses, &place, index, Some(key), &mut problems);
    }
    let needs = |of: &str| -> Vec<&str> {
        let segment = match of == key {
            true => Some(segment),
            false => index.segment(of),
        };
        segment
            .into_iter()
            .flat_map(Segment::needed_segments)
            .collect()
    };
    let users = index.segment_users();
    tangles(key, &needs, users, "/rules", "segments", &mut problems);
    // Cycles are reported already.
    if problems.is_empty() {
        excess::of_segment(segment, index, &mut problems);
    }
    problems
}

/// Checks that no flag needs one that is removed, neither now nor after a scheduled change.
///
/// # Errors
/// A problem for each flag that does.
pub fn check_flag_removal(key: &str, others: &impl Definitions) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let uses = |flag: &Flag| flag_needs(flag).any(|needed| needed == key);
    for flag in others.flags().filter(|flag| flag.key.as_str() != key) {
        if let Some(when) = use_over_time(flag, key, uses, mentioned_flags) {
            let message = format!("`{key}` is a prerequisite of the flag `{}`{when}", flag.key);
            problems.push("", ProblemCode::InUse, message);
        }
        if problems.is_full() {
            break;
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
    let uses = |flag: &Flag| flag.needed_segments().any(|needed| needed == key);
    for flag in others.flags() {
        if let Some(when) = use_over_time(flag, key, uses, mentioned_segments) {
            let message = format!("the flag `{}` uses the segment `{key}`{when}", flag.key);
            problems.push("", ProblemCode::InUse, message);
        }
        if problems.is_full() {
            break;
        }
    }
    for segment in others.segments() {
        let is_other = segment.key.as_str() != key;
        if is_other && segment.needed_segments().any(|needed| needed == key) {
            let message = format!("the segment `{}` uses the segment `{key}`", segment.key);
            problems.push("", ProblemCode::InUse, message);
        }
    }
    problems.or(())
}

/// Returns when a flag uses a key, for a message. Changes are only made if they mention the key.
fn use_over_time(
    flag: &Flag,
    key: &str,
    uses: impl Fn(&Flag) -> bool,
    mentioned: impl for<'f> Fn(&'f Flag, &mut dyn FnMut(&'f str)),
) -> Option<&'static str> {
    let mut is_mentioned = false;
    mentioned(flag, &mut |other| is_mentioned |= other == key);
    if !is_mentioned {
        return uses(flag).then_some("");
    }
    let (_, when) = over_time(flag).find(|(flag, _)| uses(flag))?;
    Some(when)
}

fn prerequisites(flag: &Flag, index: &Index<'_>, problems: &mut Problems) {
    let list = Place::Member(&Place::Root, "prerequisites");
    for (at, prerequisite) in flag.prerequisites.iter().enumerate() {
        let place = Place::Index(&list, at);
        let (key, name) = (prerequisite.flag_key.as_str(), &prerequisite.variation);
        let other = match key == flag.key.as_str() {
            // A cycle, which is reported as such.
            true => continue,
            false => index.flag(key),
        };
        let Some(other) = other else {
            let message = unknown("flag", key, index.suggestion(key));
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
    index: &Index<'_>,
    own: Option<&str>,
    problems: &mut Problems,
) {
    let list = Place::Member(rule, "clauses");
    for (at, clause) in clauses.iter().enumerate() {
        for (value_at, key) in needed_segments(clause) {
            if own != Some(key) && index.segment(key).is_none() {
                let place = Place::Index(&list, at);
                let place = Place::Member(&place, "values");
                let place = Place::Index(&place, value_at);
                let message = unknown("segment", key, index.segment_suggestion(key));
                problems.add(place, ProblemCode::UnknownSegment, message);
            }
        }
    }
}

fn unknown(noun: &str, key: &str, meant: Option<&str>) -> String {
    let help = meant.map(|meant| format!("; did you mean `{meant}`?"));
    format!("there is no {noun} `{key}`{}", help.unwrap_or_default())
}

fn tangles<'a>(
    key: &'a str,
    needs: &dyn Fn(&str) -> Vec<&'a str>,
    users: &Users<'_>,
    place: &str,
    what: &str,
    problems: &mut Problems,
) {
    let deep = || format!("the {what} form a chain of more than {MAX_DEPTH}");
    match follow(key, needs) {
        Err(Tangle::Cycle(keys)) => {
            let message = format!("the {what} form a cycle: {}", keys.join(" → "));
            problems.push(place, ProblemCode::Cycle, message);
        }
        Err(Tangle::Deep) => problems.push(place, ProblemCode::TooDeep, deep()),
        Err(Tangle::Wide(steps)) => {
            let message =
                format!("the {what} take {steps} steps; at most {MOST_STEPS} are allowed");
            problems.push(place, ProblemCode::TooDeep, message);
        }
        Ok(depth) if users.height(key) + depth > MAX_DEPTH => {
            problems.push(place, ProblemCode::TooDeep, deep());
        }
        Ok(_) => {}
    }
}
