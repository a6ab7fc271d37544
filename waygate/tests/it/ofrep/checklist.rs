//! `docs/ofrep.md` names a test for each row of the protocol.

use std::{fs, path::Path};

const CHECKLIST: &str = include_str!("../../../../docs/ofrep.md");
const FOLDERS: [&str; 4] = [
    "tests/it/ofrep",
    "src/ofrep",
    "../tests/tests/ofrep",
    "../tests/tests/browser",
];

#[test]
fn each_row_names_tests_that_exist() {
    let mut sources = String::new();
    for folder in FOLDERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &fs::read_to_string(path).unwrap();
            }
        }
    }
    let rows = CHECKLIST.lines().filter_map(|line| line.strip_prefix("| "));
    let rows: Vec<Vec<&str>> = rows
        .map(|row| row.trim_end_matches('|').split(" | ").collect())
        .collect();
    let rows: Vec<_> = rows.iter().filter(|row| is_id(row[0])).collect();
    let ids: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let expected = [("S", 12), ("B", 7), ("E", 5), ("C", 3), ("N", 3)];
    let expected: Vec<String> = expected
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |n| format!("{letter}{n}")))
        .collect();
    assert_eq!(ids, expected);
    for row in rows {
        let names = row.last().unwrap().split(',');
        for name in names.map(|name| name.trim().trim_matches('`')) {
            assert!(
                sources.contains(&format!("fn {name}(")),
                "{}: no test `{name}`",
                row[0]
            );
        }
    }
}

/// A letter and a number.
fn is_id(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(['S', 'B', 'E', 'C', 'N'])
        && text[1..].parse::<u8>().is_ok()
}
