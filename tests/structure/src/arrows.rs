use std::collections::BTreeMap;

use crate::imports::Imports;

/// A folder, and the others that it may import from, below the same root.
pub type Rule<'a> = (&'a str, &'a [&'a str]);

/// Counts the names in each import below `root` that no rule allows, as `from -> to`. The first rule of a file applies; a
/// file without a rule may import nothing there. `lib.rs` only gives names to the public API.
pub fn wrong(imports: &Imports, root: &str, rules: &[Rule<'_>]) -> BTreeMap<String, usize> {
    let allows = |from: &str, to: &str| {
        let rule = rules.iter().find(|(folder, _)| is_in(from, folder));
        rule.is_some_and(|(folder, others)| {
            is_in(to, folder) || others.iter().any(|other| is_in(to, other))
        })
    };
    let breaks = |from: &str, to: &str| match (below(from, root), below(to, root)) {
        (Some(from), Some(to)) => from != "lib.rs" && !allows(from, to),
        _ => false,
    };
    imports
        .iter()
        .filter(|((from, to), _)| breaks(from, to))
        .map(|((from, to), names)| (format!("{from} -> {to}"), names.len()))
        .collect()
}

fn below<'a>(file: &'a str, root: &str) -> Option<&'a str> {
    file.strip_prefix(root)?.strip_prefix('/')
}

/// Explains why an import is wrong.
pub fn explain(arrow: &str, imports: &Imports) -> String {
    let (from, to) = arrow.split_once(" -> ").unwrap_or((arrow, ""));
    let names = imports.get(&(from.to_owned(), to.to_owned()));
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    format!(
        "{from} imports `{}` of {to}, which the table in CONTRIBUTING.md does not allow: let the upper folder hand over \
         what the lower one needs, or move the definition down",
        names.join("`, `")
    )
}

fn is_in(file: &str, folder: &str) -> bool {
    let rest = file.strip_prefix(folder);
    rest.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}
