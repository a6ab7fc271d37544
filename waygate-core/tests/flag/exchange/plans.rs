use serde_json::{Value, json};
use waygate_core::flag::{
    Definitions, Flag, ProblemCode, Segment,
    exchange::{FlagDocument, ImportPlan, PlannedChange, plan},
};

pub(crate) struct Stored {
    flags: Vec<Flag>,
    segments: Vec<Segment>,
}

impl Stored {
    pub(crate) fn new(
        flags: impl IntoIterator<Item = Value>,
        segments: impl IntoIterator<Item = Value>,
    ) -> Self {
        let flags = flags.into_iter().map(|flag| Flag::parse(&flag).unwrap());
        let segments = segments.into_iter().map(|it| Segment::parse(&it).unwrap());
        Self {
            flags: flags.collect(),
            segments: segments.collect(),
        }
    }

    fn document(&self) -> FlagDocument {
        FlagDocument::new(self.flags.clone(), self.segments.clone())
    }
}

impl Definitions for Stored {
    fn flag(&self, key: &str) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.key.as_str() == key)
    }

    fn segment(&self, key: &str) -> Option<&Segment> {
        self.segments
            .iter()
            .find(|segment| segment.key.as_str() == key)
    }

    fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> {
        Box::new(self.flags.iter())
    }

    fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> {
        Box::new(self.segments.iter())
    }
}

pub(super) fn flag(key: &str) -> Value {
    json!({
        "key": key, "name": key, "type": "boolean", "off_variation": "off", "fallthrough": "off",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    })
}

fn needing(key: &str, needed: &str) -> Value {
    let mut flag = flag(key);
    flag["prerequisites"] = json!([{"flag_key": needed, "variation": "on"}]);
    flag
}

fn segmented(key: &str, segment: &str) -> Value {
    let mut flag = flag(key);
    let clause = json!({"attribute": "-", "operator": "in_segment", "values": [segment]});
    flag["rules"] = json!([{"id": "1", "clauses": [clause], "variation": "on"}]);
    flag
}

pub(super) fn segment(key: &str, needed: &[&str]) -> Value {
    let rules: Vec<Value> = needed
        .iter()
        .map(|key| json!({"id": key, "clauses": [{"attribute": "-", "operator": "in_segment", "values": [key]}]}))
        .collect();
    json!({"key": key, "name": key, "rules": rules})
}

fn changes(plan: &ImportPlan) -> Vec<(&str, &'static str)> {
    let word = |change: &PlannedChange| match change {
        PlannedChange::Create => "create",
        PlannedChange::Replace { .. } => "replace",
        _ => "unchanged",
    };
    let segments = plan.segments.iter();
    let segments = segments.map(|it| (it.definition.key.as_str(), word(&it.change)));
    let flags = plan.flags.iter();
    let flags = flags.map(|it| (it.definition.key.as_str(), word(&it.change)));
    segments.chain(flags).collect()
}

#[test]
fn definitions_come_after_those_that_they_need() {
    let stored = Stored::new([flag("base"), flag("same")], [segment("inner", &[])]);
    let mut changed = flag("base");
    changed["enabled"] = json!(false);
    changed["created_by"] = json!("another");
    let mut same = flag("same");
    same["updated_at"] = json!("2030-01-01T00:00:00Z");
    let document = Stored::new(
        [
            needing("top", "middle"),
            segmented("user", "outer"),
            same,
            needing("middle", "base"),
            changed,
        ],
        [
            segment("outer", &["between"]),
            segment("between", &["inner"]),
        ],
    );
    let plan = plan(document.document(), &stored).unwrap();
    assert_eq!(
        changes(&plan),
        [
            ("between", "create"),
            ("outer", "create"),
            ("base", "replace"),
            ("middle", "create"),
            ("top", "create"),
            ("user", "create"),
            ("same", "unchanged"),
        ]
    );
    let PlannedChange::Replace { fields } = &plan.flags[0].change else {
        panic!()
    };
    assert_eq!(
        fields.len(),
        1,
        "members that a server keeps are not compared: {fields:?}"
    );
    assert_eq!(
        (&*fields[0].pointer, &fields[0].new),
        ("/enabled", &Some(json!(false)))
    );
    assert!(!plan.is_empty());
    let json = serde_json::to_value(&plan.flags[0]).unwrap();
    assert_eq!(
        (&json["change"], &json["fields"][0]["old"]),
        (&json!("replace"), &json!(true))
    );
}

#[test]
fn an_import_of_the_same_changes_nothing() {
    let stored = Stored::new([needing("top", "base"), flag("base")], [segment("s", &[])]);
    assert!(plan(stored.document(), &stored).unwrap().is_empty());
}

#[test]
fn references_are_checked_among_the_document_and_the_store() {
    use ProblemCode::*;
    let mut renamed = flag("base");
    renamed["variations"] =
        json!([{"name": "yes", "value": true}, {"name": "off", "value": false}]);
    let stored = Stored::new(
        [flag("base"), needing("user", "base")],
        [segment("outer", &["inner"])],
    );
    let document = Stored::new(
        [
            renamed,
            needing("one", "two"),
            needing("two", "one"),
            segmented("three", "missing"),
            needing("four", "none"),
        ],
        [segment("inner", &["outer"])],
    );
    let problems = plan(document.document(), &stored).unwrap_err();
    let problems: Vec<_> = problems.iter().map(|it| (&*it.pointer, it.code)).collect();
    assert_eq!(
        problems,
        [
            ("/segments/0/rules", Cycle),
            ("/flags/0/variations", InUse),
            ("/flags/1/prerequisites", Cycle),
            ("/flags/2/prerequisites", Cycle),
            ("/flags/3/rules/0/clauses/0/values/0", UnknownSegment),
            ("/flags/4/prerequisites/0/flag_key", UnknownFlag),
        ]
    );
}

/// Similar keys are searched for a few unknown ones only, since each is compared with all keys.
#[test]
fn a_plan_stops_after_a_hundred_problems() {
    let stored = Stored::new([flag("service-search")], []);
    let keys: Vec<String> = (0..150).map(|at| format!("f{at}")).collect();
    let flags = keys
        .iter()
        .map(|key| needing(key, &format!("service-s{key}ch")));
    let document = Stored::new(flags.chain([needing("near", "service-serch")]), []);
    let problems = plan(document.document(), &stored).unwrap_err();
    let problems: Vec<_> = problems.iter().collect();
    assert_eq!(problems.len(), 101);
    for (at, problem) in problems[..100].iter().enumerate() {
        assert_eq!(
            problem.pointer,
            format!("/flags/{at}/prerequisites/0/flag_key")
        );
        assert_eq!(
            problem.message.contains("did you mean"),
            at < 5,
            "{problem}"
        );
    }
    assert_eq!(
        problems[100].to_string(),
        "these are the first 100 problems, and there may be more: correct them, and try again"
    );
    assert_eq!(problems[100].code, ProblemCode::Incomplete);
}

#[test]
fn a_definition_that_two_need_comes_before_both() {
    let mut top = needing("top", "base");
    top["prerequisites"] = json!([
        {"flag_key": "base", "variation": "on"}, {"flag_key": "middle", "variation": "on"},
    ]);
    let document = Stored::new([top, flag("base"), needing("middle", "base")], []);
    let plan = plan(document.document(), &Stored::new([], [])).unwrap();
    let keys: Vec<&str> = plan
        .flags
        .iter()
        .map(|it| it.definition.key.as_str())
        .collect();
    assert_eq!(keys, ["base", "middle", "top"]);
}

/// The flags that a document does not have are checked as well, if it makes them too wide.
#[test]
fn a_document_widens_no_stored_flag_beyond_the_limits() {
    let mut user = segmented("user", "beta");
    user["rules"][0]["clauses"][0]["values"] = json!(vec!["beta"; 100]);
    let stored = Stored::new([user], [segment("beta", &[]), segment("one", &[])]);
    let document = |len: usize| {
        let clause =
            json!({"attribute": "-", "operator": "in_segment", "values": vec!["one"; len]});
        let mut beta = segment("beta", &[]);
        beta["rules"] = json!([{"id": "1", "clauses": [clause]}]);
        FlagDocument::new(vec![], vec![Segment::parse(&beta).unwrap()])
    };
    assert!(plan(document(99), &stored).is_ok());
    let problems = plan(document(100), &stored).unwrap_err();
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "the stored flag `user` would be too wide: an evaluation may take 10100 decisions about segments; at most 10000 \
          are allowed"
        ]
    );
    // A document that has the flag too may narrow it.
    let mut both = document(100);
    both.flags = vec![Flag::parse(&flag("user")).unwrap()];
    assert!(plan(both, &stored).is_ok());
}
