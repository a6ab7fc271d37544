//! Faults of today, in files that tests compare with what they find. Entries can only be removed.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

/// Rewrites what tests compare with, where that is set.
pub fn is_blessing() -> bool {
    env::var_os("WAYGATE_TEST_BLESS").is_some()
}

/// A file of known faults: one a line, with a number that can only fall.
#[derive(Debug)]
pub struct Allowance {
    file: PathBuf,
    comment: String,
    lines: Vec<String>,
}

impl Allowance {
    /// Reads a file; its lines with `#` are comments.
    ///
    /// # Panics
    /// If the file cannot be read.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file);
        let text = text.unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        let (comments, lines): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.starts_with('#'));
        let lines = lines.iter().filter(|line| !line.is_empty());
        Self {
            file: file.to_owned(),
            comment: comments.iter().map(|line| format!("{line}\n")).collect(),
            lines: lines.map(ToString::to_string).collect(),
        }
    }

    /// Compares with counts that were found: `<number> <name>` a line.
    ///
    /// # Errors
    /// A line for each name that is found more often than allowed, and for each number that is too high by now, unless
    /// [`is_blessing`]; then these are lowered.
    ///
    /// # Panics
    /// If a line does not start with a number.
    pub fn check(
        self,
        found: &BTreeMap<String, usize>,
        explain: impl Fn(&str, usize) -> String,
    ) -> Result<(), String> {
        let parse = |line: &String| {
            let (number, name) = line.split_once(' ')?;
            Some((name.to_owned(), number.parse().ok()?))
        };
        let allowed = self.lines.iter().map(|line| {
            parse(line).unwrap_or_else(|| panic!("{}: no number: {line}", self.file.display()))
        });
        let allowed: BTreeMap<String, usize> = allowed.collect();
        let mut faults = Vec::new();
        for (name, count) in found {
            if *count > allowed.get(name).copied().unwrap_or(0) {
                let fault = explain(name, *count);
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        }
        let kept = allowed.iter().filter_map(|(name, allowed)| {
            let now = found.get(name).copied().unwrap_or(0).min(*allowed);
            (now > 0).then(|| format!("{now} {name}"))
        });
        self.settle(kept.collect(), faults)
    }

    fn settle(self, mut kept: Vec<String>, mut faults: Vec<String>) -> Result<(), String> {
        kept.sort_by(|a, b| name(a).cmp(name(b)));
        let mut before = self.lines;
        before.sort_by(|a, b| name(a).cmp(name(b)));
        if kept != before {
            if is_blessing() {
                let lines: String = kept.iter().map(|line| format!("{line}\n")).collect();
                fs::write(&self.file, format!("{}{lines}", self.comment)).unwrap_or_else(|error| {
                    panic!("cannot write {}: {error}", self.file.display())
                });
            } else {
                let gone = before.iter().filter(|line| !kept.contains(line));
                let gone: String = gone.map(|line| format!("\n  {line}")).collect();
                faults.push(format!(
                    "{} allows more than there is; lower it with WAYGATE_TEST_BLESS=1:{gone}",
                    self.file.display()
                ));
            }
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(faults.join("\n")),
        }
    }
}

/// What a line is sorted by: its name, behind a number.
fn name(line: &str) -> &str {
    match line.split_once(' ') {
        Some((number, name)) if number.parse::<usize>().is_ok() => name,
        _ => line,
    }
}
