use jiff::Timestamp;
use serde_json::Value;

use super::{
    check,
    model::{ChangeAction, Flag, ScheduledChange, Serve},
    place::Place,
    problem::{ProblemCode, Problems},
    read,
};

impl Flag {
    /// Returns the scheduled changes that are due, in the order of their times.
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::Flag;
    ///
    /// let flag = Flag::parse(&json!({
    ///     "key": "search", "name": "Search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "on",
    ///     "scheduled_changes": [{"execute_at": "2030-01-01T00:00:00Z", "action": "disable"}],
    /// }))?;
    /// assert!(flag.due("2029-12-31T00:00:00Z".parse().unwrap()).is_empty());
    /// assert_eq!(flag.due("2030-01-01T00:00:00Z".parse().unwrap()).len(), 1);
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    pub fn due(&self, now: Timestamp) -> Vec<&ScheduledChange> {
        let due = self.scheduled_changes.iter();
        let mut due: Vec<_> = due.filter(|change| change.execute_at <= now).collect();
        due.sort_by_key(|change| change.execute_at);
        due
    }

    /// Returns the time of the next scheduled change.
    pub fn next_change(&self) -> Option<Timestamp> {
        let times = self.scheduled_changes.iter();
        times.map(|change| change.execute_at).min()
    }

    /// Returns the flag after a scheduled change, without the change.
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::Flag;
    ///
    /// let flag = Flag::parse(&json!({
    ///     "key": "search", "name": "Search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "on",
    ///     "scheduled_changes": [{"execute_at": "2030-01-01T00:00:00Z", "action": "disable"}],
    /// }))?;
    /// let after = flag.after(&flag.scheduled_changes[0])?;
    /// assert!(!after.enabled && after.scheduled_changes.is_empty());
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    ///
    /// # Errors
    /// The problems of the result, without those that the flag has already: the flag may have been changed since the
    /// change was scheduled.
    pub fn after(&self, change: &ScheduledChange) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut next = applied(self, change, &mut problems);
        next.scheduled_changes.retain(|other| other.id != change.id);
        if problems.is_empty() {
            check::flag(&next, &mut problems);
        }
        if !problems.is_empty() {
            let mut known = Problems::default();
            check::flag(self, &mut known);
            problems = problems.without(&known);
        }
        problems.or(next)
    }
}

/// Returns the flag after each scheduled change, with the position of the change. Those that can not be made are left
/// out.
pub(super) fn states(flag: &Flag) -> Vec<(usize, Flag)> {
    if flag.scheduled_changes.is_empty() {
        return Vec::new();
    }
    let mut flag = flag.clone();
    let mut states = Vec::new();
    for (at, change) in in_order(&mut flag) {
        if let Ok(next) = flag.after(&change) {
            flag = next;
            states.push((at, flag.clone()));
        }
    }
    states
}

/// Takes the scheduled changes, with their positions, in the order of their times.
fn in_order(flag: &mut Flag) -> Vec<(usize, ScheduledChange)> {
    let mut changes: Vec<_> = flag.scheduled_changes.drain(..).enumerate().collect();
    changes.sort_by_key(|(_, change)| change.execute_at);
    changes
}

/// Checks that the scheduled changes can be made, one after the other.
pub(super) fn check(flag: &Flag, problems: &mut Problems) {
    let mut flag = flag.clone();
    for (at, change) in in_order(&mut flag) {
        match flag.after(&change) {
            Ok(next) => flag = next,
            Err(wrong) => {
                let list = Place::Member(&Place::Root, "scheduled_changes");
                let place = Place::Index(&list, at);
                let place = Place::Member(&place, "payload");
                for problem in wrong {
                    let message = match problem.pointer.starts_with("/payload") {
                        true => problem.message,
                        false => format!("the flag would be invalid after this change: {problem}"),
                    };
                    // Several can have this place.
                    problems.push(place, problem.code, message);
                }
            }
        }
    }
}

fn applied(flag: &Flag, change: &ScheduledChange, problems: &mut Problems) -> Flag {
    let place = Place::Member(&Place::Root, "payload");
    let member = |name| change.payload.get(name).filter(|value| !value.is_null());
    let mut next = flag.clone();
    match change.action {
        ChangeAction::Enable => next.enabled = true,
        ChangeAction::Disable => next.enabled = false,
        ChangeAction::UpdateRollout => match (member("variation"), member("rollout")) {
            // A progressive rollout would decide in place of the fallthrough.
            (Some(Value::String(name)), _) => {
                next.fallthrough = Serve::Variation(name.clone());
                next.progressive = None;
            }
            (None, Some(rollout)) => {
                let place = Place::Member(&place, "rollout");
                next.fallthrough = read::read_serve(rollout, place, problems);
                next.progressive = None;
            }
            _ => problems.add(
                place,
                ProblemCode::Missing,
                "expected `variation` with the name of a variation, or `rollout` with a list",
            ),
        },
        ChangeAction::AddRule => next
            .rules
            .push(read::read_rule(&change.payload, place, problems)),
        ChangeAction::DeleteRule => match member("rule_id").and_then(Value::as_str) {
            // A rule that is gone is deleted.
            Some(id) => next.rules.retain(|rule| rule.id != id),
            None => problems.add(
                place,
                ProblemCode::Missing,
                "expected `rule_id` with the id of a rule",
            ),
        },
        ChangeAction::Patch => match flag.patched(&change.payload) {
            Some(definition) => {
                next = read::flag(&definition, problems);
                next.scheduled_changes = flag.scheduled_changes.clone();
            }
            None => problems.add(place, ProblemCode::WrongType, "expected an object"),
        },
    }
    next
}
