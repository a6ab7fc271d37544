//! The scenarios of the specification by the client of the official SDK.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use open_feature::{
    Client, EvaluationContext, EvaluationContextFieldValue, EvaluationDetails, EvaluationError,
    EvaluationOptions, EvaluationReason, EvaluationResult, FlagMetadataValue, Hook, HookContext,
    HookHints, OpenFeature, StructValue,
    provider::{FeatureProvider, ProviderMetadata, ProviderStatus, ResolutionDetails},
};
use serde_json::{Map, Value, json};
use waygate_core::{flag::FlagSet, port::ManualClock};
use waygate_gherkin::{
    Call, HookCall, Kind, Level, Outcome, ProviderKind, Sdk, run_all, waygate_flags,
};
use waygate_openfeature_provider::WaygateProvider;

use super::source;

/// Passes evaluations on, and notes the context.
struct Noting {
    provider: WaygateProvider<(FlagSet, ManualClock)>,
    kind: ProviderKind,
    merged: Arc<Mutex<EvaluationContext>>,
}

impl Noting {
    fn note(&self, context: &EvaluationContext) {
        *self.merged.lock().unwrap() = context.clone();
    }
}

#[async_trait]
impl FeatureProvider for Noting {
    fn metadata(&self) -> &ProviderMetadata {
        self.provider.metadata()
    }

    fn status(&self) -> ProviderStatus {
        match self.kind {
            ProviderKind::Stable => ProviderStatus::Ready,
            ProviderKind::NotReady => ProviderStatus::NotReady,
            ProviderKind::Stale => ProviderStatus::STALE,
            ProviderKind::Error | ProviderKind::Fatal => ProviderStatus::Error,
        }
    }

    async fn resolve_bool_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        self.note(context);
        self.provider.resolve_bool_value(key, context).await
    }

    async fn resolve_int_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        self.note(context);
        self.provider.resolve_int_value(key, context).await
    }

    async fn resolve_float_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        self.note(context);
        self.provider.resolve_float_value(key, context).await
    }

    async fn resolve_string_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        self.note(context);
        self.provider.resolve_string_value(key, context).await
    }

    async fn resolve_struct_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        self.note(context);
        self.provider.resolve_struct_value(key, context).await
    }
}

/// A hook that notes its stages, and may return a context.
struct Stages {
    name: String,
    adds: Option<EvaluationContext>,
    calls: Arc<Mutex<Vec<HookCall>>>,
}

impl Stages {
    fn note(&self, stage: &str, details: Option<Outcome>) {
        self.calls.lock().unwrap().push(HookCall {
            name: self.name.clone(),
            stage: stage.to_owned(),
            details,
        });
    }
}

#[async_trait]
impl Hook for Stages {
    async fn before<'a>(
        &self,
        _: &HookContext<'a>,
        _: Option<&'a HookHints>,
    ) -> Result<Option<EvaluationContext>, EvaluationError> {
        self.note("before", None);
        Ok(self.adds.clone())
    }

    async fn after<'a>(
        &self,
        _: &HookContext<'a>,
        details: &EvaluationDetails<open_feature::Value>,
        _: Option<&'a HookHints>,
    ) -> Result<(), EvaluationError> {
        self.note(
            "after",
            Some(outcome(details.clone(), json_of(&details.value))),
        );
        Ok(())
    }

    async fn error<'a>(&self, _: &HookContext<'a>, _: &EvaluationError, _: Option<&'a HookHints>) {
        self.note("error", None);
    }

    async fn finally<'a>(
        &self,
        _: &HookContext<'a>,
        details: &EvaluationDetails<open_feature::Value>,
        _: Option<&'a HookHints>,
    ) {
        self.note(
            "finally",
            Some(outcome(details.clone(), json_of(&details.value))),
        );
    }
}

fn json_of(value: &open_feature::Value) -> Value {
    match value {
        open_feature::Value::Bool(value) => json!(value),
        open_feature::Value::Int(value) => json!(value),
        open_feature::Value::Float(value) => json!(value),
        open_feature::Value::String(value) => json!(value),
        open_feature::Value::Array(values) => values.iter().map(json_of).collect(),
        open_feature::Value::Struct(structure) => {
            let fields = structure.fields.iter();
            Value::Object(
                fields
                    .map(|(name, value)| (name.clone(), json_of(value)))
                    .collect(),
            )
        }
    }
}

fn outcome<T>(details: EvaluationDetails<T>, value: Value) -> Outcome {
    let metadata = details.flag_metadata.values.into_iter();
    let metadata = metadata.map(|(name, value)| {
        let value = match value {
            FlagMetadataValue::Bool(value) => json!(value),
            FlagMetadataValue::Int(value) => json!(value),
            FlagMetadataValue::Float(value) => json!(value),
            FlagMetadataValue::String(value) => json!(value),
        };
        (name, value)
    });
    Outcome {
        key: details.flag_key,
        value,
        variant: details.variant,
        reason: details.reason.as_ref().map(EvaluationReason::to_string),
        error_code: None,
        metadata: metadata.collect(),
    }
}

/// The client under test. An `Err` counts as the default with the reason `ERROR`, which callers have to do themselves.
struct Official {
    runtime: tokio::runtime::Runtime,
    api: OpenFeature,
    client: Option<Client>,
    merged: Arc<Mutex<EvaluationContext>>,
    calls: Arc<Mutex<Vec<HookCall>>>,
}

impl Official {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let api = OpenFeature::default();
        Self {
            runtime: { runtime }.build().unwrap(),
            client: Some(api.create_client()),
            api,
            merged: Arc::default(),
            calls: Arc::default(),
        }
    }

    fn hook(&self, name: &str, adds: Option<EvaluationContext>) -> Stages {
        Stages {
            name: name.to_owned(),
            adds,
            calls: self.calls.clone(),
        }
    }

    fn add(&mut self, hook: Stages) {
        self.client = self.client.take().map(|client| client.with_hook(hook));
    }
}

fn field(value: &Value) -> Result<EvaluationContextFieldValue, String> {
    match value {
        Value::Bool(value) => Ok((*value).into()),
        Value::String(value) => Ok(value.as_str().into()),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Ok(EvaluationContextFieldValue::Int(value)),
            None => Ok(number.as_f64().ok_or("a number")?.into()),
        },
        // The SDK has no null of its own.
        other => Ok(EvaluationContextFieldValue::new_struct(other.clone())),
    }
}

fn settled<T>(
    call: &Call,
    result: EvaluationResult<EvaluationDetails<T>>,
    json: impl Fn(&T) -> Value,
) -> Outcome {
    match result {
        Ok(details) => {
            let value = json(&details.value);
            outcome(details, value)
        }
        Err(error) => Outcome {
            key: call.key.clone(),
            value: call.default.clone(),
            variant: None,
            reason: Some("ERROR".to_owned()),
            error_code: Some(error.code.to_string()),
            metadata: Map::new(),
        },
    }
}

impl Sdk for Official {
    fn set_provider(&mut self, kind: ProviderKind) -> Result<(), String> {
        let provider = Noting {
            provider: WaygateProvider::new(source(waygate_flags())),
            kind,
            merged: self.merged.clone(),
        };
        self.runtime.block_on(self.api.set_provider(provider));
        Ok(())
    }

    fn status(&mut self) -> Result<String, String> {
        Err("a client has no status".to_owned())
    }

    fn add_to_context(&mut self, level: Level, key: &str, value: &str) -> Result<(), String> {
        let context = EvaluationContext::default().with_custom_field(key, value);
        match level {
            Level::Api => self
                .runtime
                .block_on(self.api.set_evaluation_context(context)),
            Level::Client => {
                let client = self.client.as_mut().ok_or("no client")?;
                client.set_evaluation_context(context);
            }
            Level::BeforeHooks => self.add(self.hook("context", Some(context))),
            Level::Transaction => return Err("no context of a transaction".to_owned()),
            Level::Invocation => return Err("it is part of the call".to_owned()),
        }
        Ok(())
    }

    fn add_hook(&mut self, name: &str) -> Result<(), String> {
        self.add(self.hook(name, None));
        Ok(())
    }

    fn evaluate(&mut self, call: &Call) -> Result<Outcome, String> {
        let mut context = EvaluationContext::default();
        for (name, value) in &call.context {
            context.add_custom_field(name, field(value)?);
        }
        let hooks = call.hooks.iter();
        let options = hooks.fold(EvaluationOptions::default(), |options, name| {
            options.with_hook(self.hook(name, None))
        });
        let (context, options) = (Some(&context), Some(&options));
        let client = self.client.as_ref().ok_or("no client")?;
        let key = &*call.key;
        Ok(self.runtime.block_on(async {
            match call.kind {
                Kind::Boolean => {
                    let details = client.get_bool_details(key, context, options).await;
                    settled(call, details, |value| json!(value))
                }
                Kind::Integer => {
                    let details = client.get_int_details(key, context, options).await;
                    settled(call, details, |value| json!(value))
                }
                Kind::Float => {
                    let details = client.get_float_details(key, context, options).await;
                    settled(call, details, |value| json!(value))
                }
                Kind::String => {
                    let details = client.get_string_details(key, context, options).await;
                    settled(call, details, |value| json!(value))
                }
                Kind::Object => {
                    let details = client
                        .get_struct_details::<StructValue>(key, context, options)
                        .await;
                    settled(call, details, |value| {
                        json_of(&open_feature::Value::Struct(value.clone()))
                    })
                }
            }
        }))
    }

    fn hook_calls(&mut self) -> Vec<HookCall> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn merged_context(&mut self) -> Map<String, Value> {
        let merged = self.merged.lock().unwrap();
        let fields = merged.custom_fields.iter();
        let fields =
            fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.into())));
        fields.collect()
    }
}

const TRANSACTION: &str = "the SDK has no context of a transaction";
const METADATA: &str = "the flags of Waygate have no metadata of their own";

#[test]
fn the_official_client_passes_all_scenarios_but_the_listed_ones() {
    let expected = &[
        (
            "evaluation_v2: Provider not ready error",
            "the client does not read the status of its provider",
        ),
        (
            "evaluation_v2: Provider in fatal state error",
            "the SDK has no code PROVIDER_FATAL",
        ),
        (
            "evaluation_v2: Provider status accessibility",
            "a client has no status",
        ),
        (
            "evaluation_v2: Flag metadata in evaluation details",
            METADATA,
        ),
        ("metadata: Returns metadata", METADATA),
        (
            "evaluation_v2: CACHED reason",
            "flags in the process need no cache",
        ),
        (
            "evaluation_v2: DISABLED reason (object-disabled-flag",
            "a disabled flag has the value of its off variation, so that every OFREP client can read it",
        ),
        ("contextMerging: {} single level (Transaction)", TRANSACTION),
        (
            "contextMerging: For a transaction{}different keys",
            TRANSACTION,
        ),
        (
            "contextMerging: For a transaction{}(Transaction)",
            TRANSACTION,
        ),
        ("contextMerging: For a transaction{}(Client)", TRANSACTION),
        (
            "contextMerging: For a transaction{}(Invocation)",
            TRANSACTION,
        ),
        (
            "contextMerging: For a transaction{}(Before Hooks)",
            TRANSACTION,
        ),
        (
            "hooks: Flag not found",
            "hooks get the default of the type, not that of the caller",
        ),
        (
            "hooks: Type error",
            "the details of hooks have no error code",
        ),
    ];
    run_all(Official::new, expected);
}
