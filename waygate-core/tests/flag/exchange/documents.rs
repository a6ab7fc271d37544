use serde_json::{Value, json};
use waygate_core::flag::{Problem, ProblemCode, exchange::FlagDocument};

use super::plans::{Stored, flag, segment};

fn problems(document: Value) -> Vec<(String, ProblemCode)> {
    let problems = FlagDocument::parse(&document).unwrap_err();
    let place = |problem: &Problem| (problem.pointer.clone(), problem.code);
    problems.iter().map(place).collect()
}

#[test]
fn what_is_exported_is_read_back() {
    let stored = Stored::new([flag("b"), flag("a")], [segment("s", &[])]);
    let document = FlagDocument::export(&stored);
    let keys: Vec<&str> = document
        .flags
        .iter()
        .map(|flag| flag.key.as_str())
        .collect();
    assert_eq!(keys, ["a", "b"]);
    let text = document.to_json().to_string();
    let value = serde_json::from_str(&text).unwrap();
    assert_eq!(FlagDocument::parse(&value).unwrap(), document);
}

#[test]
fn all_problems_are_reported_with_their_places() {
    let mut wrong = flag("a");
    wrong["off_variation"] = json!("offf");
    wrong["rules"] = json!([{"clauses": [{"attribute": "a", "operator": "iss", "values": ["x"]}], "variation": "on"}]);
    let document = json!({
        "flags": [flag("b"), wrong, flag("b"), 5], "segments": [{"key": "s"}], "flgas": [],
    });
    use ProblemCode::*;
    let expected = [
        ("/flgas", UnknownMember),
        ("/version", Missing),
        ("/segments/0/name", Missing),
        ("/flags/1/rules/0/clauses/0/operator", InvalidText),
        ("/flags/1/off_variation", UnknownVariation),
        ("/flags/3", WrongType),
        ("/flags/2/key", Duplicate),
    ];
    let expected = expected.map(|(pointer, code)| (pointer.to_owned(), code));
    assert_eq!(problems(document), expected);
}

#[test]
fn other_forms_are_no_documents() {
    use ProblemCode::WrongType;
    assert_eq!(problems(json!([])), [(String::new(), WrongType)]);
    let version = json!({"version": 2, "flags": {}});
    let expected = [("/version", WrongType), ("/flags", WrongType)];
    assert_eq!(
        problems(version),
        expected.map(|(at, code)| (at.to_owned(), code))
    );
}

#[test]
fn the_last_of_too_many_problems_says_that_there_may_be_more() {
    let many: Vec<Value> = (0..300).map(|_| json!({"key": "a b"})).collect();
    let problems = problems(json!({"version": 1, "flags": many}));
    assert_eq!(problems.len(), 101);
    assert!(
        problems[..100]
            .iter()
            .all(|(at, _)| at.starts_with("/flags/"))
    );
    assert_eq!(problems[100], (String::new(), ProblemCode::Incomplete));
}
