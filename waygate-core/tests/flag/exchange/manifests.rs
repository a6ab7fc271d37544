use serde_json::json;
use waygate_core::flag::{
    FlagType, ProblemCode,
    exchange::{ManifestFlag, manifest},
};

fn declared(key: &str, value_type: FlagType, default: serde_json::Value) -> ManifestFlag {
    ManifestFlag::new(key.parse().unwrap(), value_type, default, "About it")
}

#[test]
fn a_manifest_has_the_types_of_the_command_line() {
    let flags = [
        declared("b", FlagType::Boolean, json!(true)),
        declared("s", FlagType::String, json!("a")),
        declared("i", FlagType::Integer, json!(5)),
        declared("f", FlagType::Float, json!(0.5)),
        declared("j", FlagType::Json, json!({"a": [1]})),
    ];
    let manifest = manifest(&flags).unwrap();
    for (key, word, default) in [
        ("b", "boolean", json!(true)),
        ("s", "string", json!("a")),
        ("i", "integer", json!(5)),
        ("f", "float", json!(0.5)),
        ("j", "object", json!({"a": [1]})),
    ] {
        let expected =
            json!({"flagType": word, "defaultValue": default, "description": "About it"});
        assert_eq!(manifest["flags"][key], expected);
    }
}

#[test]
fn mistakes_have_their_places() {
    let flags = [
        declared("a", FlagType::Boolean, json!("yes")),
        declared("b", FlagType::Json, json!([1])),
        declared("c", FlagType::Boolean, json!(true)),
        declared("c", FlagType::Boolean, json!(true)),
    ];
    let problems = manifest(&flags).unwrap_err();
    let problems: Vec<_> = problems.iter().map(|it| (&*it.pointer, it.code)).collect();
    assert_eq!(
        problems,
        [
            ("/flags/a/defaultValue", ProblemCode::WrongValueType),
            ("/flags/b/defaultValue", ProblemCode::WrongValueType),
            ("/flags/c", ProblemCode::Duplicate),
        ]
    );
}
