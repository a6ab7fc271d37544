//! The part of Gherkin that the scenarios of flagd use.

use std::collections::BTreeMap;

/// A scenario with the values of one row of examples.
#[derive(Debug)]
pub(super) struct Scenario {
    /// The name, and the values of the row.
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    /// The steps without `Given`, `When`, `Then`, `And`, and with the values in place.
    pub(super) steps: Vec<String>,
}

#[derive(Debug, Default)]
struct Outline {
    name: String,
    tags: Vec<String>,
    steps: Vec<String>,
    examples: Vec<Examples>,
}

#[derive(Debug, Default)]
struct Examples {
    tags: Vec<String>,
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Reads a feature. Tables of steps are left out.
pub(super) fn scenarios(feature: &str) -> Vec<Scenario> {
    let mut outlines: Vec<Outline> = Vec::new();
    let (mut background, mut in_background) = (Vec::new(), false);
    let mut tags: Vec<String> = Vec::new();
    let mut in_examples = false;
    for line in feature.lines().map(str::trim) {
        if line.starts_with('@') {
            tags.extend(line.split_whitespace().map(str::to_owned));
        } else if line.starts_with("Feature:") {
            // Tags of a feature are no tags of its scenarios here.
            tags.clear();
        } else if line.starts_with("Background:") {
            in_background = true;
        } else if let Some((_, name)) = line
            .split_once(':')
            .filter(|_| line.starts_with("Scenario"))
        {
            (in_background, in_examples) = (false, false);
            outlines.push(Outline {
                name: name.trim().to_owned(),
                tags: std::mem::take(&mut tags),
                steps: background.clone(),
                examples: Vec::new(),
            });
        } else if line.starts_with("Examples:") {
            in_examples = true;
            let tags = std::mem::take(&mut tags);
            let examples = Examples {
                tags,
                ..Examples::default()
            };
            outlines.last_mut().unwrap().examples.push(examples);
        } else if let Some(row) = line.strip_prefix('|') {
            let cells = row.trim_end_matches('|').split('|');
            let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
            if in_examples {
                let examples = outlines.last_mut().unwrap().examples.last_mut().unwrap();
                match examples.names.is_empty() {
                    true => examples.names = cells,
                    false => examples.rows.push(cells),
                }
            }
        } else if let Some((word, step)) = line.split_once(' ')
            && ["Given", "When", "Then", "And"].contains(&word)
        {
            match in_background {
                true => background.push(step.to_owned()),
                false => outlines.last_mut().unwrap().steps.push(step.to_owned()),
            }
        }
    }
    outlines.into_iter().flat_map(rows).collect()
}

fn rows(outline: Outline) -> Vec<Scenario> {
    if outline.examples.is_empty() {
        return vec![Scenario {
            name: outline.name,
            tags: outline.tags,
            steps: outline.steps,
        }];
    }
    let mut scenarios = Vec::new();
    for examples in &outline.examples {
        for row in &examples.rows {
            let values: BTreeMap<&String, &String> = examples.names.iter().zip(row).collect();
            let fill = |step: &String| {
                let fill = |step: String, (name, value): (&&String, &&String)| {
                    step.replace(&format!("<{name}>"), value)
                };
                values.iter().fold(step.clone(), fill)
            };
            scenarios.push(Scenario {
                name: format!("{} | {}", outline.name, row.join(" | ")),
                tags: [&*outline.tags, &*examples.tags].concat(),
                steps: outline.steps.iter().map(fill).collect(),
            });
        }
    }
    scenarios
}
