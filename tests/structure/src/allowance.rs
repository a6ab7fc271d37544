//! Known faults, in files that tests compare with the actual ones. Their total can only fall.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

/// Returns whether to rewrite the files that tests compare with.
pub fn is_blessing() -> bool {
    env::var_os("WAYGATE_TEST_BLESS").is_some()
}

/// A file of known faults: one `<number> <name>` per line, below comments with `#`.
#[derive(Debug)]
pub struct Allowance {
    file: PathBuf,
    comment: String,
    allowed: BTreeMap<String, usize>,
}

impl Allowance {
    /// Reads a file.
    ///
    /// # Panics
    /// If the file cannot be read, or a line does not start with a number.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file);
        let text = text.unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        let (comments, lines): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.starts_with('#'));
        let parse = |line: &str| {
            let (number, name) = line.split_once(' ')?;
            Some((name.to_owned(), number.parse().ok()?))
        };
        let entry = |line: &str| {
            parse(line).unwrap_or_else(|| panic!("{}: no number: {line}", file.display()))
        };
        Self {
            file: file.to_owned(),
            comment: comments.iter().map(|line| format!("{line}\n")).collect(),
            allowed: lines.into_iter().map(entry).collect(),
        }
    }

    /// Returns whether there is an entry of this name.
    pub fn has(&self, name: &str) -> bool {
        self.allowed.contains_key(name)
    }

    /// Compares with the actual faults. With [`is_blessing`], writes them down unless the total has grown, so that
    /// files can be moved and split.
    ///
    /// # Errors
    /// An explanation of each name over its allowed number, and the entries that allow too much.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn check(
        self,
        found: &BTreeMap<String, usize>,
        explain: impl Fn(&str, usize) -> String,
    ) -> Result<(), String> {
        if *found == self.allowed {
            return Ok(());
        }
        let file = self.file.display();
        let has_grown = found.values().sum::<usize>() > self.allowed.values().sum();
        if is_blessing() && !has_grown {
            let lines: String = found
                .iter()
                .map(|(name, count)| format!("{count} {name}\n"))
                .collect();
            let written = fs::write(&self.file, self.comment + &lines);
            written.unwrap_or_else(|error| panic!("cannot write {file}: {error}"));
            return Ok(());
        }
        let count_in =
            |counts: &BTreeMap<String, usize>, name: &str| counts.get(name).copied().unwrap_or(0);
        let mut faults: Vec<String> = Vec::new();
        for (name, count) in found {
            if *count > count_in(&self.allowed, name) {
                let fault = explain(name, *count);
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        }
        let allowed = self.allowed.iter();
        let lower = allowed.filter(|(name, allowed)| count_in(found, name) < **allowed);
        let lower: String = lower
            .map(|(name, allowed)| format!("\n  {allowed} {name}"))
            .collect();
        if !lower.is_empty() {
            faults.push(format!("{file} allows more than there is:{lower}"));
        }
        if !has_grown {
            faults.push(format!(
                "{file} has a smaller or equal total: WAYGATE_TEST_BLESS=1 writes it down"
            ));
        }
        Err(faults.join("\n"))
    }
}
