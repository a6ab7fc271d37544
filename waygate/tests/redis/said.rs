//! Expected log lines of a fault: one when something becomes unavailable, and one when it is back.

use std::{ops::RangeInclusive, time::Duration};

use tokio::time::{sleep, timeout};

use crate::{
    log::{Lines, Log},
    stage::Fault,
    support::PATIENCE,
};

/// One line when it goes, and one when it is back.
struct Transition {
    goes: &'static str,
    back: &'static str,
    /// The number of connections or components that log it.
    times: RangeInclusive<usize>,
}

/// State and counters have a connection each.
fn transitions(fault: Fault) -> Vec<Transition> {
    let is_refused = fault == Fault::OutOfMemory;
    let links = match fault {
        Fault::Flushed | Fault::OutOfMemory => 0..=0,
        // One byte affects one response.
        Fault::Corrupted => 1..=2,
        _ => 2..=2,
    };
    // A component that writes nothing at the time is not refused.
    let refusals = if is_refused { 1..=2 } else { 0..=0 };
    let is_felt = usize::from(fault != Fault::Flushed);
    let transition = |goes, back, times| Transition { goes, back, times };
    vec![
        transition(
            "WARN Redis is unavailable until it answers again",
            "INFO Redis is available",
            links,
        ),
        transition(
            "WARN Redis refuses commands",
            "INFO Redis accepts commands again",
            refusals,
        ),
        transition(
            "WARN degraded (counters)",
            "INFO recovered (counters)",
            is_felt..=is_felt,
        ),
        // Nothing may be read or written while it is down.
        transition(
            "WARN degraded (store)",
            "INFO recovered (store)",
            0..=is_felt,
        ),
    ]
}

/// Lines with more detail once it is known, and how often.
fn news(fault: Fault) -> Option<(&'static str, RangeInclusive<usize>)> {
    match fault {
        // Redis loads its data, or has finished already.
        Fault::Killed => Some(("WARN Redis is unavailable until it answers", 0..=2)),
        Fault::PasswordChanged => Some(("ERROR Redis denies access", 2..=2)),
        Fault::Flushed | Fault::PromotedBehind => Some(("WARN degraded (store_reset)", 1..=1)),
        _ => None,
    }
}

const LOST: &str = "WARN Redis has lost the rate-limit counters; known usage is charged again";

/// Waits until everything is back.
pub(crate) async fn settled(fault: Fault, log: &Log) -> Lines {
    let transitions = transitions(fault);
    let is_settled = || {
        let lines = log.lines();
        let least = |line: &str, least| times(&lines, line) >= least;
        let is_over = |transition: &Transition| {
            times(&lines, transition.goes) == times(&lines, transition.back)
                && least(transition.goes, *transition.times.start())
        };
        transitions.iter().all(is_over)
            && news(fault).is_none_or(|(line, times)| least(line, *times.start()))
    };
    let wait = async {
        while !is_settled() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    // Missing lines are reported with the rest.
    let _ = timeout(PATIENCE, wait).await;
    log.lines()
}

/// Lines logged too often, or not at all.
pub(crate) fn problems(fault: Fault, lines: &Lines) -> Vec<String> {
    let mut problems = Vec::new();
    let mut known = Vec::new();
    for Transition {
        goes,
        back,
        times: range,
    } in transitions(fault)
    {
        let (went, came) = (times(lines, goes), times(lines, back));
        if went != came || !range.contains(&went) {
            problems.push(format!(
                "{went} × `{goes}`, {came} × `{back}`, not {range:?}"
            ));
        }
        known.extend([goes, back]);
    }
    if let Some((line, range)) = news(fault) {
        let said = times(lines, line);
        if !range.contains(&said) {
            problems.push(format!("{said} × `{line}`, not {range:?}"));
        }
        known.push(line);
    }
    if matches!(fault, Fault::Flushed | Fault::PromotedBehind) {
        // The counters of a replica that was behind may still exist.
        let (said, least) = (times(lines, LOST), usize::from(fault == Fault::Flushed));
        if !(least..=1).contains(&said) {
            problems.push(format!("{said} × `{LOST}`, not {least}..=1"));
        }
        known.push(LOST);
    }
    let others = lines.keys().filter(|line| !known.contains(&line.as_str()));
    problems.extend(others.map(|line| format!("`{line}`")));
    problems
}

fn times(lines: &Lines, line: &str) -> usize {
    lines.get(line).copied().unwrap_or(0)
}
