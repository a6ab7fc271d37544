use open_feature::{
    EvaluationContext, EvaluationErrorCode, EvaluationReason, FlagMetadataValue, StructValue,
};
use serde_json::{Value, json};

use super::{client, flag};

fn only(kind: &str, value: Value) -> Value {
    flag("x", kind, [value, Value::Null], &json!({}))
}

#[tokio::test]
async fn values_of_each_type() {
    let value = client([only("boolean", true.into())]).await;
    assert_eq!(value.get_bool_value("x", None, None).await, Ok(true));
    let value = client([only("integer", 10.into())]).await;
    assert_eq!(value.get_int_value("x", None, None).await, Ok(10));
    let value = client([only("float", 0.5.into())]).await;
    assert_eq!(value.get_float_value("x", None, None).await, Ok(0.5));
    let value = client([only("string", "hi".into())]).await;
    assert_eq!(
        value.get_string_value("x", None, None).await,
        Ok("hi".to_owned())
    );
    let value = client([only("json", json!({"a": {"b": [1, 2.5, "c", true]}}))]).await;
    let inner = StructValue::default().with_field(
        "b",
        open_feature::Value::Array(vec![1.into(), 2.5.into(), "c".into(), true.into()]),
    );
    let expected = StructValue::default().with_field("a", open_feature::Value::Struct(inner));
    assert_eq!(value.get_struct_value("x", None, None).await, Ok(expected));
}

#[tokio::test]
async fn numbers_convert_without_loss_or_not_at_all() {
    let mismatch = EvaluationErrorCode::TypeMismatch;
    let value = client([only("float", 3.0.into())]).await;
    assert_eq!(value.get_int_value("x", None, None).await, Ok(3));
    let value = client([only("float", 3.5.into())]).await;
    assert_eq!(
        value.get_int_value("x", None, None).await.unwrap_err().code,
        mismatch
    );
    let value = client([only("integer", ((1_i64 << 53) + 1).into())]).await;
    assert_eq!(
        value
            .get_float_value("x", None, None)
            .await
            .unwrap_err()
            .code,
        mismatch
    );
    assert_eq!(
        value.get_int_value("x", None, None).await,
        Ok((1 << 53) + 1)
    );
}

#[tokio::test]
async fn structures_that_the_sdk_cannot_express_are_a_mismatch() {
    for value in [
        json!([1]),
        json!({"a": null}),
        json!({"a": u64::MAX}),
        json!("text"),
    ] {
        let kind = if value.is_string() { "string" } else { "json" };
        let client = client([only(kind, value)]).await;
        let result = client
            .get_struct_value::<StructValue>("x", None, None)
            .await;
        assert_eq!(result.unwrap_err().code, EvaluationErrorCode::TypeMismatch);
    }
}

#[tokio::test]
async fn details_say_what_decided() {
    let bools = || [json!(true), json!(false)];
    let rule = json!({
        "id": "r1", "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro"]}], "variation": "two",
    });
    let split =
        json!([{"variation": "one", "weight": 20_000}, {"variation": "two", "weight": 80_000}]);
    let prerequisite = json!([{"flag_key": "off", "variation": "one"}]);
    let client = client([
        flag("static", "boolean", bools(), &json!({})),
        flag("rule", "boolean", bools(), &json!({"rules": [rule]})),
        flag("split", "boolean", bools(), &json!({"fallthrough": split})),
        flag("off", "boolean", bools(), &json!({"enabled": false})),
        flag(
            "needs",
            "boolean",
            bools(),
            &json!({"prerequisites": prerequisite}),
        ),
    ])
    .await;
    let user = EvaluationContext::default().with_targeting_key("u1");
    let pro = user.clone().with_custom_field("plan", "pro");
    for (key, context, variant, reason, fact) in [
        ("static", &user, "one", EvaluationReason::Static, None),
        ("rule", &user, "one", EvaluationReason::Default, None),
        (
            "rule",
            &pro,
            "two",
            EvaluationReason::TargetingMatch,
            Some(("ruleId", "r1")),
        ),
        ("off", &user, "two", EvaluationReason::Disabled, None),
        (
            "needs",
            &user,
            "two",
            EvaluationReason::Disabled,
            Some(("prerequisiteKey", "off")),
        ),
    ] {
        let details = client
            .get_bool_details(key, Some(context), None)
            .await
            .unwrap();
        assert_eq!(
            (details.variant.as_deref(), details.reason),
            (Some(variant), Some(reason)),
            "{key}"
        );
        let facts = details.flag_metadata.values;
        match fact {
            Some((name, value)) => assert_eq!(facts.get(name), Some(&value.into())),
            None => assert!(facts.is_empty(), "{facts:?}"),
        }
    }
    let details = client
        .get_bool_details("split", Some(&user), None)
        .await
        .unwrap();
    assert_eq!(details.reason, Some(EvaluationReason::Split));
    let bucket = details.flag_metadata.values.get("bucket");
    assert!(
        matches!(bucket, Some(FlagMetadataValue::Int(0..100_000))),
        "{bucket:?}"
    );

    let missing = client
        .get_bool_details("split", None, None)
        .await
        .unwrap_err();
    assert_eq!(missing.code, EvaluationErrorCode::TargetingKeyMissing);
    assert_eq!(
        missing.message.as_deref(),
        Some("The rollout needs the key of the context")
    );
    let unknown = client
        .get_bool_details("unknown", None, None)
        .await
        .unwrap_err();
    assert_eq!(unknown.code, EvaluationErrorCode::FlagNotFound);
}
