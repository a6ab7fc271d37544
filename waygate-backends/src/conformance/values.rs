//! Round trips of values and keys.

use serde_json::{Value, json};
use waygate_core::port::Batch;

use super::{Harness, kit::*};

/// Returns values of every kind, including those that some format cannot represent.
pub(super) fn samples() -> Vec<Value> {
    [
        nothing(),
        truths(),
        integers(),
        floats(),
        texts(),
        containers(),
    ]
    .concat()
}

fn nothing() -> Vec<Value> {
    vec![
        json!(null),
        json!([null, [null]]),
        json!({ "a": null, "b": { "c": null } }),
    ]
}

fn truths() -> Vec<Value> {
    vec![json!(true), json!(false)]
}

fn integers() -> Vec<Value> {
    vec![
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1_u64 << 53),
    ]
}

fn floats() -> Vec<Value> {
    vec![
        json!(1.0),
        json!(0.1),
        json!(-2.5e-8),
        json!(1e300),
        json!(5e-324),
        json!(f64::MAX),
    ]
}

fn texts() -> Vec<Value> {
    let texts = [
        "",
        " ",
        " a ",
        "null",
        "~",
        "true",
        "yes",
        "No",
        "1",
        "1.0",
        "1e3",
        "0x10",
        "012",
        ".inf",
        "2030-01-01",
        "2030-01-01T00:00:00Z",
        "a: b",
        "a #b",
        "- a",
        "---",
        "'",
        "\"",
        "\\",
        "\\n",
        "'''",
        "\"\"\"",
        "%x",
        "@a",
        "`",
        "*a",
        "&a",
        "!t",
        "<<",
        "{",
        "[",
        "|",
        ">",
        "a\nb",
        "a\n",
        "\n\n",
        "a\r\nb",
        "\t",
        "\0",
        "\u{1}\u{1b}\u{7f}\u{85}",
        "\u{2028}\u{2029}\u{feff}",
        "grüße",
        "日本語",
        "e\u{301} é",
        "\u{1f469}\u{200d}\u{1f52c}",
        "\u{10ffff}",
    ];
    texts.map(Value::from).to_vec()
}

fn containers() -> Vec<Value> {
    vec![
        json!([]),
        json!({}),
        json!([[], {}, [[]], [{}]]),
        json!([1, "a", null, 0.5, { "b": [true] }]),
        json!({ "": 1, " ": 2, "a.b": 3, "~": 4, "<<": 5, "null": 6, "1": 7, "\"": 8, "é\n": 9 }),
        json!({ "$json": "null" }),
        json!({ "$json": { "$json": 1 } }),
        json!({ "__proto__": { "constructor": 1 }, "#": 2, "- a": 3, "[x]": 4, "a b": 5 }),
        json!([[{ "a": [{ "b": [] }] }], [[1], [2, [3]]]]),
    ]
}

async fn come_back<H: Harness>(new: impl Fn() -> H, samples: Vec<Value>) {
    let (_harness, store) = store(new).await;
    let keyed = samples.into_iter().enumerate();
    let keyed: Vec<_> = keyed
        .map(|(nth, value)| (format!("k/{nth:03}"), value))
        .collect();
    let puts = keyed
        .iter()
        .map(|(key, value)| (key.as_str().into(), value.clone()));
    let mut batch = Batch::new();
    batch.puts = puts.collect();
    commit(&store, batch).await;
    let found = entities(&store).await;
    assert_eq!(found.len(), keyed.len());
    for (key, value) in keyed {
        assert_eq!(found[&key].0, value);
    }
}

pub async fn null_comes_back<H: Harness>(new: impl Fn() -> H) {
    come_back(new, nothing()).await;
}

pub async fn truth_values_come_back<H: Harness>(new: impl Fn() -> H) {
    come_back(new, truths()).await;
}

pub async fn integers_come_back<H: Harness>(new: impl Fn() -> H) {
    come_back(new, integers()).await;
}

pub async fn floats_come_back_as_floats<H: Harness>(new: impl Fn() -> H) {
    come_back(new, floats()).await;
}

pub async fn texts_come_back<H: Harness>(new: impl Fn() -> H) {
    come_back(new, texts()).await;
}

pub async fn arrays_and_objects_come_back<H: Harness>(new: impl Fn() -> H) {
    come_back(new, containers()).await;
}

pub async fn a_value_of_one_mebibyte_comes_back<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let text: String = ('a'..='z').cycle().take(1 << 20).collect();
    commit(&store, put("big", json!({ "text": text }))).await;
    assert_eq!(value(&store, "big").await, Some(json!({ "text": text })));
}

pub async fn an_audit_entry_of_one_mebibyte_comes_back<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut big = entry("/big");
    big.new = Some(json!("x\n".repeat(1 << 19)));
    commit(&store, audit([big.clone()])).await;
    commit(&store, audit([entry("/small")])).await;
    assert_eq!(log(&store).await[1].new, big.new);
}

pub async fn ten_thousand_entities_come_back<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let key = |nth: u32| format!("route/GET:/items/{nth}");
    let puts = (0..10_000).map(|nth| (key(nth).as_str().into(), json!({ "nth": nth })));
    let mut batch = Batch::new();
    batch.puts = puts.collect();
    commit(&store, batch).await;
    commit(&store, put(key(4_711), json!("changed")).delete(&*key(42))).await;
    let found = entities(&store).await;
    assert_eq!(found.len(), 9_999);
    assert_eq!(found[&key(4_711)], (json!("changed"), 2));
    assert_eq!(found[&key(9_999)], (json!({ "nth": 9_999 }), 1));
    assert!(!found.contains_key(&key(42)));
}

pub async fn keys_of_all_scripts_come_back<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let keys = [
        "route/GET:/grüße",
        "日本/語",
        "\u{1f512}",
        "עברית",
        "a\u{a0}b",
        "\u{feff}k",
    ];
    for (nth, key) in keys.iter().enumerate() {
        commit(&store, put(*key, json!(nth))).await;
    }
    for (nth, key) in keys.iter().enumerate() {
        assert_eq!(value(&store, key).await, Some(json!(nth)), "{key}");
    }
}

pub async fn keys_with_special_characters_come_back<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let keys = [
        "'; DROP TABLE entities; --",
        "\"",
        "\\",
        "%",
        "_",
        "*",
        "?",
        "a.b.c",
        "[a]",
        "{a}",
        "#",
        "~",
        "null",
        "1",
        "- a",
        "a: b",
        "<<",
        "../../etc",
        "/",
        " ",
        " a ",
        "$json",
        "${x}",
        "a,b",
        "a=b",
    ];
    for (nth, key) in keys.iter().enumerate() {
        commit(&store, put(*key, json!(nth))).await;
    }
    let found = entities(&store).await;
    assert_eq!(found.len(), keys.len());
    for (nth, key) in keys.iter().enumerate() {
        assert_eq!(found[*key].0, json!(nth), "{key}");
    }
}

pub async fn keys_that_look_alike_are_apart<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let keys = [
        "a", "A", "a ", "a/", "aa", "é", "e\u{301}", "\u{430}", "a/%62", "a/b", "ss", "ß",
    ];
    for (nth, key) in keys.iter().enumerate() {
        commit(&store, put(*key, json!(nth))).await;
    }
    commit(&store, delete("a")).await;
    let found = entities(&store).await;
    assert_eq!(found.len(), keys.len() - 1);
    for (nth, key) in keys.iter().enumerate().skip(1) {
        assert_eq!(found[*key].0, json!(nth), "{key}");
    }
}
