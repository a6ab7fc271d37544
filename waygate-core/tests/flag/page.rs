//! The tables of `docs/flags.md` name all words of the model, and their examples are right.

use serde_json::{Value, json};
use waygate_core::flag::{
    ChangeAction, CompileOptions, Flag, FlagType, Operator, ScheduledChange, Segment,
};

use crate::support::{clock, context, set};

const PAGE: &str = include_str!("../../../docs/flags.md");

/// The rows of the table with this head, each with its cells.
fn table(head: &str) -> Vec<Vec<&'static str>> {
    let (_, rows) = PAGE
        .split_once(&format!("\n{head}"))
        .unwrap_or_else(|| panic!("no table `{head}`"));
    let rows = rows.lines().skip(2).map_while(|row| row.strip_prefix("| "));
    rows.map(|row| row.trim_end_matches(" |").split(" | ").collect())
        .collect()
}

/// The code in a cell, such as `is`.
fn codes(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}

fn json_of(cell: &'static str) -> Option<Value> {
    codes(cell)
        .next()
        .map(|code| serde_json::from_str(code).unwrap())
}

fn names(table: &[Vec<&'static str>]) -> Vec<&'static str> {
    let names = table.iter().map(|row| codes(row[0]).next().unwrap());
    names.collect()
}

#[test]
fn all_operators_are_listed_and_their_examples_match() {
    let table = table("| Operator |");
    let mut listed = names(&table);
    listed.sort_unstable();
    let mut known: Vec<_> = Operator::ALL.iter().map(|it| it.as_str()).collect();
    known.sort_unstable();
    assert_eq!(listed, known);

    let segments = [
        json!({"key": "beta", "name": "Beta", "included": ["ada"]}),
        json!({"key": "staff", "name": "Staff"}),
    ];
    for row in &table {
        let [operator, _, values, attribute] = row[..] else {
            panic!("{row:?}")
        };
        let operator = codes(operator).next().unwrap();
        let clause =
            json!({"attribute": "x", "operator": operator, "values": json_of(values).unwrap()});
        let search = flag(json!([{"clauses": [clause], "variation": "on"}]));
        let search = serde_json::to_value(search).unwrap();
        let user = context(&json!({"key": "ada", "attributes": {"x": json_of(attribute)}}));
        let flags = set(&[search], &segments, CompileOptions::default());
        let found = flags.evaluate("search", &user, &clock()).unwrap();
        assert_eq!(found.as_bool(), Ok(true), "{row:?}");
    }
}

#[test]
fn all_types_are_listed_with_a_value() {
    let table = table("| `type` of the stored flag |");
    let mut listed = names(&table);
    listed.dedup();
    let known: Vec<_> = FlagType::ALL.iter().map(|it| it.as_str()).collect();
    assert_eq!(listed, known);
    for row in &table {
        let value = json_of(row[1]).unwrap();
        let flag = json!({
            "key": "search", "name": "Search", "type": codes(row[0]).next(),
            "variations": [{"name": "one", "value": value}], "off_variation": "one", "fallthrough": "one",
        });
        Flag::parse(&flag).unwrap_or_else(|problems| panic!("{row:?}: {problems}"));
    }
}

#[test]
fn all_actions_are_listed_and_their_payloads_can_be_made() {
    let table = table("| `action` |");
    let known: Vec<_> = ChangeAction::ALL.iter().map(|it| it.as_str()).collect();
    assert_eq!(names(&table), known);
    let search = flag(json!([]));
    for row in &table {
        let action: ChangeAction = codes(row[0]).next().unwrap().parse().unwrap();
        let mut payloads: Vec<Value> = codes(row[1])
            .map(|code| serde_json::from_str(code).unwrap())
            .collect();
        if payloads.is_empty() {
            payloads.push(json!({}));
        }
        for payload in payloads {
            let change =
                ScheduledChange::new("2030-01-01T00:00:00Z".parse().unwrap(), action, payload);
            search
                .after(&change)
                .unwrap_or_else(|problems| panic!("{row:?}: {problems}"));
        }
    }
}

#[test]
fn exclusion_comes_first_in_a_segment() {
    let (_, list) = PAGE.split_once("\n### Segments\n").unwrap();
    let members = list.lines().filter_map(|line| {
        let (number, item) = line.split_once(". ")?;
        number.parse::<u8>().ok()?;
        item.split('`').nth(1)
    });
    let order: Vec<_> = members.take(3).collect();
    assert_eq!(order, ["excluded", "included", "rules"]);

    let everyone = json!([{"clauses": []}]);
    let beta = json!({
        "key": "beta", "name": "Beta", "included": ["ada", "eve"], "excluded": ["eve", "dan"], "rules": everyone,
    });
    Segment::stored(&beta).unwrap();
    let clause = json!({"attribute": "key", "operator": "in_segment", "values": ["beta"]});
    let search = flag(json!([{"clauses": [clause], "variation": "on"}]));
    let search = serde_json::to_value(search).unwrap();
    let flags = set(&[search], &[beta], CompileOptions::default());
    for (key, is_member) in [("ada", true), ("eve", false), ("dan", false), ("bob", true)] {
        let user = context(&json!({"key": key}));
        let found = flags.evaluate("search", &user, &clock()).unwrap();
        assert_eq!(found.as_bool(), Ok(is_member), "{key}");
    }
}

fn flag(rules: Value) -> Flag {
    let flag = json!({
        "key": "search", "name": "Search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off", "rules": rules,
    });
    Flag::parse(&flag).unwrap()
}
