use std::{collections::BTreeMap, fs, path::Path};

use crate::sources;

/// Words that this project avoids, from the table under a heading of `CONTRIBUTING.md`: those in the first column,
/// with the ones to use.
///
/// # Panics
/// If there is no such table.
pub fn avoided(contributing: &str) -> Vec<(String, String)> {
    let section = contributing.split_once("\n## Words\n");
    let (_, section) = section.expect("CONTRIBUTING.md should have a section \"Words\"");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        Some((cells.next()?, cells.next()?))
    });
    let rows = rows.filter(|(avoided, _)| avoided.starts_with('*'));
    let mut words = Vec::new();
    for (avoided, better) in rows {
        for word in avoided.split(',') {
            words.push((word.trim().trim_matches('*').to_owned(), better.to_owned()));
        }
    }
    assert!(
        !words.is_empty(),
        "the section \"Words\" should have a table"
    );
    words
}

/// Counts the words in a text: whole words, in any case.
pub fn count(text: &str, words: &[(String, String)]) -> BTreeMap<String, usize> {
    let text = text.to_lowercase();
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let mut found = BTreeMap::new();
    for (word, _) in words {
        let places = text.match_indices(word.as_str()).filter(|(at, _)| {
            let bytes = text.as_bytes();
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            !is_letter(before) && !is_letter(bytes.get(at + word.len()))
        });
        let count = places.count();
        if count > 0 {
            found.insert(word.clone(), count);
        }
    }
    found
}

/// Counts the words in each file of the workspace, except those that list them.
///
/// # Panics
/// If a file cannot be read.
pub fn count_all(
    root: &Path,
    words: &[(String, String)],
) -> BTreeMap<String, BTreeMap<String, usize>> {
    let own = ["CONTRIBUTING.md", "tests/structure/"];
    let files = sources::files(root, "", &[".rs", ".md", ".sh", ".lua", ".stderr"]);
    let files = files
        .into_iter()
        .filter(|file| !own.iter().any(|own| file.starts_with(own)));
    let found = files.map(|file| {
        let text = fs::read_to_string(root.join(&file));
        let text = text.unwrap_or_else(|error| panic!("cannot read {file}: {error}"));
        let found = count(&text, words);
        (file, found)
    });
    found.filter(|(_, found)| !found.is_empty()).collect()
}
