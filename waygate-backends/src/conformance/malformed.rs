//! Batches that every store refuses; see `Batch::check`.

use serde_json::{Value, json};
use waygate_core::port::{Batch, EntityKey, Expected};

use super::{Harness, kit::*};

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, nth| match nth % 2 {
        0 => json!([inner]),
        _ => json!({ "in": inner }),
    })
}

pub async fn an_empty_key_is_refused<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    refused(&store, put("", json!(1))).await;
}

pub async fn a_key_that_is_too_long_is_refused<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    refused(&store, put("k".repeat(EntityKey::MAX_LEN + 1), json!(1))).await;
}

pub async fn a_key_of_maximum_length_is_accepted<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let key = "é".repeat(EntityKey::MAX_LEN / 2);
    commit(&store, put(key.clone(), json!(1))).await;
    assert_eq!(value(&store, &key).await, Some(json!(1)));
}

pub async fn a_key_with_control_characters_is_refused<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for key in ["\0", "a\nb", "a\r", "\ta", "a\u{7f}", "a\u{85}"] {
        refused(&store, put(key, json!(1))).await;
    }
}

pub async fn a_malformed_key_is_refused_in_a_delete<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    refused(&store, delete("")).await;
}

pub async fn a_malformed_key_is_refused_in_an_expectation<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    refused(&store, Batch::default().expect("\0", Expected::Absent)).await;
}

pub async fn a_key_put_twice_is_refused<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    refused(&store, put("a", json!(1)).put("a", json!(1))).await;
}

pub async fn a_key_put_and_deleted_is_refused<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    refused(&store, put("a", json!(1)).delete("a")).await;
}

pub async fn a_key_deleted_twice_is_refused<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    refused(&store, delete("a").delete("a")).await;
}

pub async fn a_value_that_nests_too_deep_is_refused<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    refused(&store, put("a", nested(Batch::MAX_DEPTH + 1))).await;
}

pub async fn an_audit_value_that_nests_too_deep_is_refused<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut deep = entry("/a");
    deep.new = Some(nested(Batch::MAX_DEPTH + 1));
    refused(&store, audit([deep])).await;
}

pub async fn a_value_of_maximum_depth_is_accepted<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let deepest = nested(Batch::MAX_DEPTH);
    let mut noted = entry("/a");
    noted.previous = Some(deepest.clone());
    commit(&store, put("a", deepest.clone()).audit(noted)).await;
    assert_eq!(value(&store, "a").await, Some(deepest.clone()));
    assert_eq!(log(&store).await[0].previous, Some(deepest));
}
