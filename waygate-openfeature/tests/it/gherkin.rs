//! The scenarios of the specification, by the provider in memory and by that of Waygate's flags.

use std::{
    collections::HashSet,
    pin::pin,
    sync::{Arc, Mutex},
};

use serde_json::{Map, Value, json};
use waygate_core::{
    flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet, MergedContext},
    port::{BoxFuture, ManualClock},
};
use waygate_gherkin::{
    Call, HookCall, Kind, Level, Outcome, ProviderKind, Sdk, flag_data, run_all, waygate_flags,
};
use waygate_openfeature::{
    Client, ErrorCode, EvaluationDetails, EvaluationError, EvaluationOptions, FlagMetadata,
    FlagProvider, FlagRequest, Hook, HookContext, HookHints, InMemoryFlag, InMemoryProvider,
    MetadataValue, OpenFeature, Provider, ProviderEvent, ProviderEventDetails, ProviderMetadata,
    Reason, Resolution, Setup, ThreadContext, ValueRef, isolated,
};

use crate::support::{block_on, is_pending};

/// Passes evaluations on, as a provider in some state. It caches results if the other has no cache to show.
struct Staged<P> {
    provider: P,
    kind: ProviderKind,
    caches: bool,
    known: Mutex<HashSet<String>>,
    merged: Arc<Mutex<EvaluationContext>>,
}

impl<P: Provider> Staged<P> {
    fn note<T>(
        &self,
        request: &FlagRequest<'_>,
        result: Result<Resolution<T>, EvaluationError>,
    ) -> Result<Resolution<T>, EvaluationError> {
        *self.merged.lock().unwrap() = request.context().to_context();
        let is_new = self.known.lock().unwrap().insert(request.key().to_owned());
        match self.caches && !is_new {
            true => result.map(|resolution| resolution.reason(Reason::Cached)),
            false => result,
        }
    }
}

impl<P: Provider> Provider for Staged<P> {
    fn metadata(&self) -> ProviderMetadata {
        self.provider.metadata()
    }

    fn initialize(&self, setup: Setup) -> BoxFuture<'_, Result<(), EvaluationError>> {
        let failed = |code| EvaluationError::new(code).with_message("no connection");
        let failed = match self.kind {
            ProviderKind::NotReady => return Box::pin(std::future::pending()),
            ProviderKind::Error => failed(ErrorCode::General),
            ProviderKind::Fatal => failed(ErrorCode::ProviderFatal),
            ProviderKind::Stale => {
                let stale = ProviderEventDetails::new(ProviderEvent::Stale);
                setup.events().emit(stale);
                return self.provider.initialize(setup);
            }
            ProviderKind::Stable => return self.provider.initialize(setup),
        };
        Box::pin(std::future::ready(Err(failed)))
    }

    fn resolve_bool(
        &self,
        request: &FlagRequest<'_>,
        default: bool,
    ) -> Result<Resolution<bool>, EvaluationError> {
        self.note(request, self.provider.resolve_bool(request, default))
    }

    fn resolve_integer(
        &self,
        request: &FlagRequest<'_>,
        default: i64,
    ) -> Result<Resolution<i64>, EvaluationError> {
        self.note(request, self.provider.resolve_integer(request, default))
    }

    fn resolve_float(
        &self,
        request: &FlagRequest<'_>,
        default: f64,
    ) -> Result<Resolution<f64>, EvaluationError> {
        self.note(request, self.provider.resolve_float(request, default))
    }

    fn resolve_string(
        &self,
        request: &FlagRequest<'_>,
        default: &str,
    ) -> Result<Resolution<Arc<str>>, EvaluationError> {
        self.note(request, self.provider.resolve_string(request, default))
    }

    fn resolve_object(
        &self,
        request: &FlagRequest<'_>,
        default: &Value,
    ) -> Result<Resolution<Arc<Value>>, EvaluationError> {
        self.note(request, self.provider.resolve_object(request, default))
    }
}

/// A hook that notes its stages, and adds a context.
#[derive(Clone)]
struct Noting {
    name: String,
    adds: EvaluationContext,
    calls: Arc<Mutex<Vec<HookCall>>>,
}

impl Noting {
    fn note(&self, stage: &str, details: Option<Outcome>) {
        self.calls.lock().unwrap().push(HookCall {
            name: self.name.clone(),
            stage: stage.to_owned(),
            details,
        });
    }
}

impl Hook for Noting {
    fn before(
        &self,
        _: &mut HookContext<'_>,
        _: &HookHints,
    ) -> Result<Option<EvaluationContext>, EvaluationError> {
        self.note("before", None);
        Ok(Some(self.adds.clone()))
    }

    fn after(
        &self,
        _: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        _: &HookHints,
    ) -> Result<(), EvaluationError> {
        self.note("after", Some(outcome(details, details.value.to_json())));
        Ok(())
    }

    fn error(&self, _: &mut HookContext<'_>, _: &EvaluationError, _: &HookHints) {
        self.note("error", None);
    }

    fn finally(
        &self,
        _: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        _: &HookHints,
    ) {
        self.note("finally", Some(outcome(details, details.value.to_json())));
    }
}

fn outcome<T>(details: &EvaluationDetails<'_, T>, value: Value) -> Outcome {
    let metadata = details.flag_metadata.iter().map(|(name, value)| {
        let value = match value {
            MetadataValue::Bool(value) => json!(value),
            MetadataValue::Integer(value) => json!(value),
            MetadataValue::Float(value) => json!(value),
            MetadataValue::String(value) => json!(value),
            _ => Value::Null,
        };
        (name.to_owned(), value)
    });
    Outcome {
        key: details.flag_key.to_owned(),
        value,
        variant: details.variant.as_deref().map(str::to_owned),
        reason: details.reason.as_ref().map(Reason::to_string),
        error_code: details.error_code.map(|code| code.to_string()),
        metadata: metadata.collect(),
    }
}

/// The client under test, with a provider of the flags of the specification.
struct Native {
    api: OpenFeature,
    client: Client,
    provide: fn(ProviderKind, Arc<Mutex<EvaluationContext>>) -> Arc<dyn Provider>,
    merged: Arc<Mutex<EvaluationContext>>,
    calls: Arc<Mutex<Vec<HookCall>>>,
    contexts: Map<String, Value>,
}

impl Native {
    fn new(provide: fn(ProviderKind, Arc<Mutex<EvaluationContext>>) -> Arc<dyn Provider>) -> Self {
        let api = isolated::new();
        api.set_transaction_context_propagator(ThreadContext::default());
        api.set_transaction_context(EvaluationContext::anonymous());
        Self {
            client: api.client(),
            api,
            provide,
            merged: Arc::default(),
            calls: Arc::default(),
            contexts: Map::new(),
        }
    }

    fn hook(&self, name: &str, adds: EvaluationContext) -> Noting {
        Noting {
            name: name.to_owned(),
            adds,
            calls: self.calls.clone(),
        }
    }
}

impl Sdk for Native {
    fn set_provider(&mut self, kind: ProviderKind) -> Result<(), String> {
        let provider = (self.provide)(kind, self.merged.clone());
        let mut set = pin!(self.api.set_provider_and_wait(provider));
        // A provider that is not ready stays so.
        if !is_pending(set.as_mut()) || kind == ProviderKind::NotReady {
            return Ok(());
        }
        block_on(set).map_err(|error| error.to_string())
    }

    fn status(&mut self) -> Result<String, String> {
        Ok(self.client.provider_status().to_string())
    }

    fn add_to_context(&mut self, level: Level, key: &str, value: &str) -> Result<(), String> {
        let known = self.contexts.entry(format!("{level:?}"));
        let known = known.or_insert_with(|| json!({"targetingKey": null}));
        known[key] = value.into();
        let context = EvaluationContext::from_json(known).map_err(|error| error.to_string())?;
        match level {
            Level::Api => self.api.set_evaluation_context(context),
            Level::Transaction => self.api.set_transaction_context(context),
            Level::Client => self.client.set_evaluation_context(context),
            Level::BeforeHooks => self.client.add_hook(self.hook("context", context)),
            Level::Invocation => return Err("it is part of the call".to_owned()),
        }
        Ok(())
    }

    fn add_hook(&mut self, name: &str) -> Result<(), String> {
        let hook = self.hook(name, EvaluationContext::anonymous());
        self.client.add_hook(hook);
        Ok(())
    }

    fn evaluate(&mut self, call: &Call) -> Result<Outcome, String> {
        let mut context = json!({"targetingKey": null});
        let members = context.as_object_mut().expect("an object");
        members.extend(call.context.clone());
        let context = EvaluationContext::from_json(&context).map_err(|error| error.to_string())?;
        let hooks = call.hooks.iter();
        let options = hooks.fold(EvaluationOptions::default(), |options, name| {
            options.hook(self.hook(name, EvaluationContext::anonymous()))
        });
        let (key, default) = (&*call.key, &call.default);
        let client = self.client.with(&options);
        let wrong = || "a default of another type".to_owned();
        Ok(match call.kind {
            Kind::Boolean => {
                let default = default.as_bool().ok_or_else(wrong)?;
                let details = client.bool_details(key, default, &context);
                outcome(&details, details.value.into())
            }
            Kind::Integer => {
                let default = default.as_i64().ok_or_else(wrong)?;
                let details = client.integer_details(key, default, &context);
                outcome(&details, details.value.into())
            }
            Kind::Float => {
                let default = default.as_f64().ok_or_else(wrong)?;
                let details = client.float_details(key, default, &context);
                outcome(&details, details.value.into())
            }
            Kind::String => {
                let default = default.as_str().ok_or_else(wrong)?;
                let details = client.string_details(key, default, &context);
                outcome(&details, (*details.value).into())
            }
            Kind::Object => {
                let details = client.object_details(key, default, &context);
                outcome(&details, Value::clone(&details.value))
            }
        })
    }

    fn hook_calls(&mut self) -> Vec<HookCall> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn merged_context(&mut self) -> Map<String, Value> {
        let merged = self.merged.lock().unwrap();
        let fields = merged.attributes();
        fields
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }
}

fn staged<P: Provider>(
    provider: P,
    kind: ProviderKind,
    caches: bool,
    merged: Arc<Mutex<EvaluationContext>>,
) -> Arc<dyn Provider> {
    Arc::new(Staged {
        provider,
        kind,
        caches,
        known: Mutex::default(),
        merged,
    })
}

fn in_memory() -> InMemoryProvider {
    let flags = flag_data().into_iter().map(|data| {
        let default = data.default_variant.map(|name| &*name.leak());
        let mut flag = InMemoryFlag::new(data.variants, default);
        if data.disabled {
            flag = flag.disabled();
        }
        if let Some(rule) = data.rule {
            let variant = rule.variant;
            flag = flag.choose(move |context: &MergedContext<'_>| {
                rule.matches(|name| context.get(name)).then_some(variant)
            });
        }
        let facts = data.metadata.into_iter().map(|(name, value)| {
            let value = match value {
                Value::Bool(value) => value.into(),
                Value::String(value) => value.into(),
                Value::Number(value) => match value.as_i64() {
                    Some(value) => MetadataValue::from(value),
                    None => value.as_f64().expect("a number").into(),
                },
                other => panic!("{other}"),
            };
            (name, value)
        });
        let facts: FlagMetadata = facts.collect();
        (data.key, flag.metadata(facts))
    });
    InMemoryProvider::new(flags)
}

fn of_waygate() -> FlagProvider<(FlagSet, ManualClock)> {
    let mut flags = FlagSet::new();
    for flag in waygate_flags() {
        let flag = Flag::stored(&flag).unwrap();
        let (flag, problems) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
        assert!(problems.is_empty(), "{problems}");
        flags.insert_flag(Arc::new(flag));
    }
    let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
    FlagProvider::new((flags, clock))
}

#[test]
fn the_client_passes_every_scenario() {
    let provide = |kind, merged| staged(in_memory(), kind, true, merged);
    run_all(|| Native::new(provide), &[]);
}

#[test]
fn the_provider_of_waygate_passes_all_scenarios_but_the_listed_ones() {
    let provide = |kind, merged| staged(of_waygate(), kind, false, merged);
    let expected = &[
        (
            "evaluation_v2: CACHED reason",
            "flags in the process need no cache",
        ),
        (
            "evaluation_v2: DISABLED reason (object-disabled-flag",
            "a disabled flag has the value of its off variation, so that every OFREP client can read it",
        ),
        (
            "evaluation_v2: Flag metadata in evaluation details",
            "the flags of Waygate have no metadata of their own",
        ),
        (
            "metadata: Returns metadata",
            "the flags of Waygate have no metadata of their own",
        ),
    ];
    run_all(|| Native::new(provide), expected);
}
