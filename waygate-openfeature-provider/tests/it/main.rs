//! The provider through the client of the official SDK.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod contexts;
mod gherkin;
mod values;

use std::sync::Arc;

use open_feature::{Client, OpenFeature};
use serde_json::{Value, json};
use waygate_core::{
    flag::{CompileOptions, CompiledFlag, Flag, FlagSet},
    port::ManualClock,
};
use waygate_openfeature_provider::WaygateProvider;

fn source(flags: impl IntoIterator<Item = Value>) -> (FlagSet, ManualClock) {
    let mut set = FlagSet::new();
    for flag in flags {
        let flag = Flag::stored(&flag).unwrap();
        let (flag, problems) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
        assert!(problems.is_empty(), "{problems}");
        set.insert_flag(Arc::new(flag));
    }
    let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
    (set, clock)
}

async fn client(flags: impl IntoIterator<Item = Value>) -> Client {
    let mut api = OpenFeature::default();
    api.set_provider(WaygateProvider::new(source(flags))).await;
    assert_eq!(api.provider_metadata().await.name, "waygate");
    api.create_client()
}

/// A flag of two variations, `one` unless `more` says otherwise.
fn flag(key: &str, kind: &str, values: [Value; 2], more: &Value) -> Value {
    let mut flag = json!({
        "key": key, "name": key, "type": kind,
        "variations": [{"name": "one", "value": values[0]}, {"name": "two", "value": values[1]}],
        "off_variation": "two", "fallthrough": "one",
    });
    let members = flag.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    flag
}
