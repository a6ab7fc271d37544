//! `docs/openfeature.md`: every requirement is in it, and every test that it names exists.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

const SPECIFICATION: &str = include_str!("../../../tests/data/openfeature/specification.json");

fn document() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openfeature.md");
    fs::read_to_string(file).unwrap()
}

/// The numbers of the requirements with a key word.
fn requirements(rules: &Value, found: &mut BTreeSet<String>) {
    for rule in rules.as_array().into_iter().flatten() {
        if rule["RFC 2119 keyword"].is_string() {
            let id = rule["id"].as_str().unwrap();
            found.insert(id.rsplit(' ').next().unwrap().to_owned());
        }
        requirements(&rule["children"], found);
    }
}

/// The rows of the checklist: numbers, and the last cells.
fn rows(document: &str) -> Vec<(&str, &str)> {
    let rows = document.lines().filter_map(|line| {
        let cells: Vec<&str> = line
            .strip_prefix("| ")?
            .strip_suffix(" |")?
            .split(" | ")
            .collect();
        let id = cells.first()?;
        id.starts_with(|c: char| c.is_ascii_digit())
            .then(|| (*id, cells[cells.len() - 1]))
    });
    rows.collect()
}

#[test]
fn every_requirement_is_in_the_checklist_or_left_out() {
    let mut all = BTreeSet::new();
    let specification: Value = serde_json::from_str(SPECIFICATION).unwrap();
    requirements(&specification["rules"], &mut all);
    assert_eq!(all.len(), 145);
    let document = document();
    let rows = rows(&document);
    let ids: BTreeSet<String> = rows.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(ids.len(), rows.len(), "a requirement is there twice");
    let (_, left_out) = document.split_once("\n## Left out\n").unwrap();
    let left_out = left_out.split('`').skip(1).step_by(2);
    let left_out = left_out.filter(|text| text.starts_with(|c: char| c.is_ascii_digit()));
    let left_out: BTreeSet<String> = left_out.map(str::to_owned).collect();
    assert!(ids.is_disjoint(&left_out));
    assert_eq!(&ids | &left_out, all);
}

#[test]
fn every_test_of_the_checklist_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let is_test = |name: &str| {
        let (module, function) = name.split_once("::").unwrap();
        let source = fs::read_to_string(folder.join(format!("{module}.rs"))).unwrap();
        let place = source
            .find(&format!("fn {function}("))
            .unwrap_or_else(|| panic!("no test {name}"));
        let before = source[..place].lines().rev().take(3);
        let mut before = before.map(str::trim);
        before.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    };
    for (id, cell) in rows(&document()) {
        if cell.starts_with("not checked: ") {
            continue;
        }
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{id} has no test and no reason");
        for name in names {
            assert!(is_test(name), "{name} is no test");
        }
    }
}
