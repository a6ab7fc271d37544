use std::collections::BTreeMap;

use crate::imports::Imports;

/// A folder, and those that it may not import from.
pub type Rule<'a> = (&'a str, &'a [&'a str]);

/// Counts the names in each import that breaks a rule, as `from -> to`.
pub fn wrong(imports: &Imports, rules: &[Rule<'_>]) -> BTreeMap<String, usize> {
    let breaks = |from: &str, to: &str| {
        let mut rules = rules.iter().filter(|(folder, _)| is_in(from, folder));
        rules.any(|(_, others)| others.iter().any(|other| is_in(to, other)))
    };
    imports
        .iter()
        .filter(|((from, to), _)| breaks(from, to))
        .map(|((from, to), names)| (format!("{from} -> {to}"), names.len()))
        .collect()
}

/// Explains why an import is wrong.
pub fn explain(arrow: &str, imports: &Imports) -> String {
    let (from, to) = arrow.split_once(" -> ").unwrap_or((arrow, ""));
    let names = imports.get(&(from.to_owned(), to.to_owned()));
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    format!(
        "{from} imports `{}` of {to}, an arrow that points the wrong way: let the upper folder hand over what the lower \
         one needs, or move the definition down",
        names.join("`, `")
    )
}

fn is_in(file: &str, folder: &str) -> bool {
    let rest = file.strip_prefix(folder);
    rest.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}
