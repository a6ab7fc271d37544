use std::collections::HashMap;

use open_feature::{
    EvaluationContext, EvaluationContextFieldValue as Field, EvaluationErrorCode, StructValue,
};
use serde_json::{Value, json};
use waygate_core::flag;

use super::{client, flag as definition};

/// Evaluates a flag with one clause.
async fn matches(clause: &Value, context: &EvaluationContext) -> Result<bool, EvaluationErrorCode> {
    let rules = json!({"rules": [{"id": "r", "clauses": [clause], "variation": "one"}], "fallthrough": "two"});
    let flag = definition("x", "boolean", [json!(true), json!(false)], &rules);
    let client = client([flag]).await;
    let result = client.get_bool_value("x", Some(context), None).await;
    result.map_err(|error| error.code)
}

fn clause(attribute: &str, operator: &str, value: impl Into<Value>) -> Value {
    json!({"attribute": attribute, "operator": operator, "values": [value.into()]})
}

#[tokio::test]
async fn fields_of_each_type_reach_the_rules() {
    let time = time::OffsetDateTime::from_unix_timestamp(1_900_000_000).unwrap();
    let context = EvaluationContext::default()
        .with_targeting_key("u1")
        .with_custom_field("bool", true)
        .with_custom_field("int", 3)
        .with_custom_field("float", 1.5)
        .with_custom_field("string", "text")
        .with_custom_field("time", time);
    for (attribute, operator, value) in [
        ("bool", "is", json!(true)),
        ("int", "gt", json!(2)),
        ("float", "lt", json!(2)),
        ("string", "starts_with", json!("te")),
        ("time", "after", json!("2030-01-01T00:00:00Z")),
        ("key", "is", json!("u1")),
    ] {
        assert_eq!(
            matches(&clause(attribute, operator, value), &context).await,
            Ok(true),
            "{attribute}"
        );
    }
    assert_eq!(
        matches(&clause("other", "is", 1), &context).await,
        Ok(false)
    );
    assert_eq!(
        matches(
            &clause("string", "is", "text"),
            &EvaluationContext::default()
        )
        .await,
        Ok(false)
    );
}

#[tokio::test]
async fn structures_of_three_types_reach_the_rules() {
    let inner = StructValue::default()
        .with_field("plan", "pro")
        .with_field("seats", 5);
    let json = json!({"plan": "pro", "seats": 5});
    let map: HashMap<String, Value> = json.as_object().unwrap().clone().into_iter().collect();
    for structure in [
        Field::new_struct(inner),
        Field::new_struct(json),
        Field::new_struct(map),
    ] {
        let context = EvaluationContext::default().with_custom_field("account", structure);
        assert_eq!(
            matches(&clause("/account/plan", "is", "pro"), &context).await,
            Ok(true)
        );
        assert_eq!(
            matches(&clause("/account/seats", "gt", 9), &context).await,
            Ok(false)
        );
    }
    let list = Field::new_struct(json!(["a", "b"]));
    let context = EvaluationContext::default().with_custom_field("groups", list);
    assert_eq!(
        matches(&clause("groups", "is", "b"), &context).await,
        Ok(true)
    );
}

#[tokio::test]
async fn other_structures_are_an_error_only_if_a_rule_reads_them() {
    struct Opaque;
    let context = EvaluationContext::default()
        .with_custom_field("opaque", Field::new_struct(Opaque))
        .with_custom_field("plan", "pro");
    let error = matches(&clause("opaque", "is", 1), &context).await;
    assert_eq!(error, Err(EvaluationErrorCode::InvalidContext));
    assert_eq!(
        matches(&clause("plan", "is", "pro"), &context).await,
        Ok(true)
    );
}

#[tokio::test]
async fn a_context_of_waygate_is_one_of_its_own_kind() {
    let organization = flag::EvaluationContext::new("o1").with("seats", 5);
    let context = EvaluationContext::default()
        .with_targeting_key("u1")
        .with_custom_field("seats", 1)
        .with_custom_field("organization", Field::new_struct(organization));
    let mut of_organization = clause("seats", "gt", 2);
    of_organization["context_kind"] = "organization".into();
    assert_eq!(matches(&of_organization, &context).await, Ok(true));
    assert_eq!(
        matches(&clause("seats", "gt", 2), &context).await,
        Ok(false)
    );
    let mut by_key = clause("key", "is", "o1");
    by_key["context_kind"] = "organization".into();
    assert_eq!(matches(&by_key, &context).await, Ok(true));
    // It is no attribute, and no error.
    assert_eq!(
        matches(&clause("organization", "is", 1), &context).await,
        Ok(false)
    );
}
