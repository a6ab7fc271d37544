use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    captures::captures,
    parse::{Scenario, scenarios},
    sdk::Sdk,
    steps::World,
};

const FEATURES: [(&str, &str); 5] = [
    (
        "evaluation",
        include_str!("../../data/openfeature/evaluation.feature"),
    ),
    (
        "evaluation_v2",
        include_str!("../../data/openfeature/evaluation_v2.feature"),
    ),
    (
        "contextMerging",
        include_str!("../../data/openfeature/contextMerging.feature"),
    ),
    (
        "hooks",
        include_str!("../../data/openfeature/hooks.feature"),
    ),
    (
        "metadata",
        include_str!("../../data/openfeature/metadata.feature"),
    ),
];

/// Scenarios that a client cannot pass: the start of their names, or all of it with `{}` for any text, and the reason.
pub type Expected<'a> = &'a [(&'a str, &'a str)];

/// Runs every scenario with a client of its own.
///
/// # Panics
/// If one fails that is not expected to, if one passes that is expected to fail, and if an expectation is about none.
pub fn run_all<S: Sdk>(create: impl Fn() -> S, expected: Expected<'_>) {
    let all = FEATURES.iter();
    let all: Vec<Scenario> = all.flat_map(|(name, text)| scenarios(name, text)).collect();
    assert!(all.len() > 100, "{} scenarios", all.len());
    let mut faults = Vec::new();
    let mut used = vec![false; expected.len()];
    for scenario in &all {
        let result = run(scenario, create());
        let place = expected
            .iter()
            .position(|(name, _)| is_named(&scenario.name, name));
        if let Some(place) = place {
            used[place] = true;
        }
        match (result, place) {
            (Err(fault), None) => faults.push(format!("{}: {fault}", scenario.name)),
            (Ok(()), Some(place)) => {
                let (_, reason) = expected[place];
                faults.push(format!("{}: passes, though \"{reason}\"", scenario.name));
            }
            _ => {}
        }
    }
    let unused = used.iter().zip(expected).filter(|(used, _)| !**used);
    faults.extend(unused.map(|(_, (name, _))| format!("no scenario is named {name}")));
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn is_named(scenario: &str, name: &str) -> bool {
    scenario.starts_with(name) || captures(name, scenario).is_some()
}

fn run<S: Sdk>(scenario: &Scenario, sdk: S) -> Result<(), String> {
    let mut world = World::new(sdk);
    for step in &scenario.steps {
        let result = catch_unwind(AssertUnwindSafe(|| world.step(step)));
        let result = result.unwrap_or_else(|_| Err("a panic".to_owned()));
        result.map_err(|fault| format!("`{}`: {fault}", step.text))?;
    }
    Ok(())
}
