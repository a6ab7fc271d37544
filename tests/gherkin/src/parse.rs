/// A scenario with its background; of an outline, one for each example.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The name of the file, the scenario and the example.
    pub name: String,
    /// The tags of the scenario and of its examples, such as `@slow`; those of the feature are left out.
    pub tags: Vec<String>,
    /// The steps of the background and of the scenario.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The text after `Given`, `When`, `Then` or `And`.
    pub text: String,
    /// The rows of its table.
    pub table: Vec<Vec<String>>,
}

/// Parses a feature: as much of Gherkin as the files of the specification use.
///
/// # Panics
/// For a line that is none of that.
pub fn scenarios(file: &str, text: &str) -> Vec<Scenario> {
    let mut parser = Parser::default();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        assert!(parser.line(line), "{file}:{}: cannot read `{line}`", at + 1);
    }
    let Parser {
        background,
        outlines,
        ..
    } = parser;
    let outlines = outlines.into_iter();
    outlines
        .flat_map(|outline| outline.scenarios(file, &background))
        .collect()
}

#[derive(Default)]
struct Parser {
    part: Part,
    /// The tags before the next scenario or examples.
    tags: Vec<String>,
    background: Vec<Step>,
    outlines: Vec<Outline>,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Part {
    /// The text after `Feature`.
    #[default]
    Description,
    Background,
    Steps,
    Examples,
}

#[derive(Default)]
struct Outline {
    name: String,
    tags: Vec<String>,
    steps: Vec<Step>,
    examples: Vec<Examples>,
}

#[derive(Default)]
struct Examples {
    tags: Vec<String>,
    /// The rows; the first has the names.
    rows: Vec<Vec<String>>,
}

impl Parser {
    /// Takes a line. Returns whether it has a meaning.
    fn line(&mut self, line: &str) -> bool {
        if line.is_empty() || line.starts_with('#') {
            return true;
        }
        if line.starts_with('@') {
            self.tags.extend(line.split_whitespace().map(str::to_owned));
            return true;
        }
        if line.starts_with('|') {
            return self.row(row(line));
        }
        let (keyword, rest) = line.split_once(' ').unwrap_or((line, ""));
        match keyword {
            "Feature:" => {
                self.part = Part::Description;
                self.tags.clear();
            }
            "Background:" => self.part = Part::Background,
            "Scenario:" | "Scenario" => {
                self.part = Part::Steps;
                let name = rest.trim_start_matches("Outline:").trim().to_owned();
                self.outlines.push(Outline {
                    name,
                    tags: std::mem::take(&mut self.tags),
                    ..Outline::default()
                });
            }
            "Examples:" => {
                self.part = Part::Examples;
                let Some(outline) = self.outlines.last_mut() else {
                    return false;
                };
                outline.examples.push(Examples {
                    tags: std::mem::take(&mut self.tags),
                    rows: Vec::new(),
                });
            }
            "Given" | "When" | "Then" | "And" => {
                let step = Step {
                    text: rest.trim().to_owned(),
                    table: Vec::new(),
                };
                let Some(steps) = self.steps() else {
                    return false;
                };
                steps.push(step);
            }
            _ => return self.part == Part::Description,
        }
        true
    }

    fn row(&mut self, row: Vec<String>) -> bool {
        if self.part == Part::Examples {
            let examples = self.outlines.last_mut().and_then(|o| o.examples.last_mut());
            return examples.map(|examples| examples.rows.push(row)).is_some();
        }
        let step = self.steps().and_then(|steps| steps.last_mut());
        step.map(|step| step.table.push(row)).is_some()
    }

    fn steps(&mut self) -> Option<&mut Vec<Step>> {
        match self.part {
            Part::Background => Some(&mut self.background),
            Part::Steps => Some(&mut self.outlines.last_mut()?.steps),
            Part::Description | Part::Examples => None,
        }
    }
}

impl Outline {
    fn scenarios(self, file: &str, background: &[Step]) -> Vec<Scenario> {
        let scenario = |name: String, tags: &[String], replace: &dyn Fn(&str) -> String| {
            let own = self.steps.iter().map(|step| Step {
                text: replace(&step.text),
                table: step
                    .table
                    .iter()
                    .map(|row| row.iter().map(|cell| replace(cell)).collect())
                    .collect(),
            });
            let steps = background.iter().cloned().chain(own).collect();
            let tags = [&*self.tags, tags].concat();
            Scenario { name, tags, steps }
        };
        let name = format!("{file}: {}", self.name);
        if self.examples.is_empty() {
            return vec![scenario(name, &[], &str::to_owned)];
        }
        let examples = self.examples.iter().filter_map(|table| {
            let (names, rows) = table.rows.split_first()?;
            Some((&table.tags, names, rows))
        });
        let examples =
            examples.flat_map(|(tags, names, rows)| rows.iter().map(move |row| (tags, names, row)));
        let examples = examples.map(|(tags, names, row)| {
            let replace = |text: &str| {
                let pairs = names.iter().zip(row);
                pairs.fold(text.to_owned(), |text, (name, value)| {
                    text.replace(&format!("<{name}>"), value)
                })
            };
            scenario(format!("{name} ({})", row.join(", ")), tags, &replace)
        });
        examples.collect()
    }
}

fn row(line: &str) -> Vec<String> {
    let cells = line.trim_matches('|').split('|');
    cells.map(|cell| cell.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_become_a_scenario_for_each_example() {
        let text = "@tag\nFeature: F\n  # a comment\n  Background:\n    Given a\n  Scenario Outline: O\n    When <x> of <y>\n      \
                    | <y> | b |\n    Examples: First\n      | x | y |\n      | 1 | 2 |\n\n      | 3 |   |\n  Scenario: S\n    Then c\n";
        let scenarios = scenarios("f", text);
        let names: Vec<&str> = scenarios.iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["f: O (1, 2)", "f: O (3, )", "f: S"]);
        let texts = |at: usize| {
            scenarios[at]
                .steps
                .iter()
                .map(|step| &*step.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(0), ["a", "1 of 2"]);
        assert_eq!(texts(1), ["a", "3 of "]);
        assert_eq!(texts(2), ["a", "c"]);
        assert_eq!(scenarios[0].steps[1].table, [["2", "b"]]);
    }

    #[test]
    #[should_panic(expected = "f:2: cannot read `Whenever x`")]
    fn other_lines_are_refused() {
        scenarios("f", "Scenario: S\nWhenever x");
    }

    #[test]
    fn tags_are_those_of_the_scenario_and_of_its_examples() {
        let text = "@feature\nFeature: F\n@one @two\nScenario Outline: O\nGiven <x>\n@three\nExamples:\n|x|\n|1|\n\
                    Examples:\n|x|\n|2|\nScenario: P\nGiven y";
        let all = scenarios("f", text);
        let tags: Vec<&[String]> = all.iter().map(|scenario| &*scenario.tags).collect();
        assert_eq!(
            tags,
            [&["@one", "@two", "@three"][..], &["@one", "@two"], &[]]
        );
    }
}
