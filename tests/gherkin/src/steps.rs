use serde_json::{Map, Value, json};

use crate::{
    captures::captures,
    parse::Step,
    sdk::{Call, HookCall, Kind, Level, Outcome, ProviderKind, Sdk},
    value::{kind, value},
};

type Done = Result<(), String>;

/// A scenario in progress.
pub(crate) struct World<S> {
    sdk: S,
    flag: Option<(Kind, String, Value)>,
    context: Map<String, Value>,
    hooks: Vec<String>,
    levels: Vec<Level>,
    outcome: Option<Outcome>,
    calls: Vec<HookCall>,
}

/// The steps: a pattern, and what to do with what stands for its `{}`.
macro_rules! steps {
    ($world:ident, $step:ident; $($pattern:literal, ($($name:ident),*) => $body:expr;)+) => {
        $(
            if let Some(found) = captures($pattern, &$step.text) {
                #[allow(unused_mut, unused_variables)]
                let mut found = found.into_iter();
                $(let $name = found.next().unwrap_or_default();)*
                return $body;
            }
        )+
        return Err("no such step".to_owned());
    };
}

impl<S: Sdk> World<S> {
    pub(crate) fn new(sdk: S) -> Self {
        Self {
            sdk,
            flag: None,
            context: Map::new(),
            hooks: Vec::new(),
            levels: Vec::new(),
            outcome: None,
            calls: Vec::new(),
        }
    }

    /// Runs a step. The patterns with more text come first.
    pub(crate) fn step(&mut self, step: &Step) -> Done {
        steps! { self, step;
            "a stable provider with retrievable context is registered", () => {
                self.flag = Some((Kind::Boolean, "boolean-flag".to_owned(), false.into()));
                self.sdk.set_provider(ProviderKind::Stable)
            };
            "a {} provider", (state) => self.sdk.set_provider(provider(state)?);
            "the provider status should be \"{}\"", (status) => {
                let found = self.sdk.status()?;
                same("the status", found.as_str(), status)
            };
            "a non-existent {} flag with key \"{}\" is evaluated with details and a fallback value \"{}\"", (of, key, default) => {
                self.evaluate_one(of, key, default)
            };
            "a {} flag with key \"{}\" is evaluated as an {}, with details and a fallback value {}", (_given, key, of, default) => {
                self.evaluate_one(of, key, default)
            };
            "an object flag with key \"{}\" is evaluated with a null default value", (key) => self.evaluate_one("object", key, "null");
            "an object flag with key \"{}\" is evaluated with details and a null default value", (key) => {
                self.evaluate_one("object", key, "null")
            };
            "{} flag with key \"{}\" is evaluated with details and default value {}", (of, key, default) => {
                self.evaluate_one(of, key, default)
            };
            "{} flag with key \"{}\" is evaluated with default value {}", (of, key, default) => self.evaluate_one(of, key, default);
            "{}-flag with key \"{}\" and a fallback value \"{}\"", (of, key, default) => {
                let kind = kind(of.trim_start_matches("a "))?;
                self.flag = Some((kind, key.to_owned(), value(kind, default)?));
                Ok(())
            };
            "a context containing a key \"{}\" with null value", (key) => {
                self.context.insert(key.to_owned(), Value::Null);
                Ok(())
            };
            "a context containing a key \"{}\", with type \"{}\" and with value \"{}\"", (key, of, text) => {
                self.context.insert(key.to_owned(), value(kind(of)?, text)?);
                Ok(())
            };
            "context contains keys \"{}\", \"{}\", \"{}\", \"{}\" with values \"{}\", \"{}\", {}, \"{}\"", (a, b, c, d, first, second, age, customer) => {
                    let customer = value(Kind::Boolean, customer)?;
                    let entries = [(a, json!(first)), (b, json!(second)), (c, value(Kind::Integer, age)?), (d, customer)];
                    self.context.extend(entries.map(|(name, value)| (name.to_owned(), value)));
                    Ok(())
                };
            "an evaluation context with modifiable data", () => {
                self.context.insert("list".to_owned(), json!([1, 2]));
                Ok(())
            };
            "evaluation options containing specific hooks", () => {
                self.hooks = ["first", "second", "third"].map(str::to_owned).into();
                Ok(())
            };
            "a client with added hook", () => self.sdk.add_hook("client");
            "A context entry with key \"{}\" and value \"{}\" is added to the \"{}\" level", (key, text, name) => {
                self.add_to_context(level(name)?, key, text)
            };
            "A table with levels of increasing precedence", () => {
                let names = step.table.iter().flatten();
                self.levels = names.map(|name| level(name)).collect::<Result<_, _>>()?;
                Ok(())
            };
            "Context entries for each level from API level down to the \"{}\" level, with key \"{}\" and value \"{}\"", (last, key, text) => {
                    let last = level(last)?;
                    for level in self.levels.clone() {
                        // Other levels have other values, so that the wrong one would be noticed.
                        let text = if level == last { text } else { "of another level" };
                        self.add_to_context(level, key, text)?;
                        if level == last {
                            return Ok(());
                        }
                    }
                    Err("the table has no such level".to_owned())
                };
            "Some flag was evaluated", () => self.evaluate();
            "the flag was evaluated with details", () => self.evaluate();
            // The evaluation does not block: it is synchronous, or a future.
            "the flag was evaluated with details asynchronously", () => self.evaluate();
            "the flag was evaluated with details using the evaluation options", () => self.evaluate();
            "the evaluation should complete without blocking", () => self.outcome().map(drop);
            "The merged context contains an entry with key \"{}\" and value \"{}\"", (key, text) => {
                let merged = self.sdk.merged_context();
                same("the entry", &merged.get(key), &Some(&json!(text)))
            };
            "the specified hooks should execute during evaluation", () => {
                let finished = self.hooks.iter().all(|hook| self.ran(hook, "before") && self.ran(hook, "finally"));
                finished.then_some(()).ok_or(format!("{:?}", self.calls))
            };
            "the hook order should be maintained", () => {
                let named = |stage: &str| -> Vec<String> {
                    let calls = self.calls.iter().filter(|call| call.stage == stage && self.hooks.contains(&call.name));
                    calls.map(|call| call.name.clone()).collect()
                };
                let back: Vec<String> = self.hooks.iter().rev().cloned().collect();
                same("before", &named("before"), &self.hooks)?;
                same("after", &named("after"), &back)?;
                same("finally", &named("finally"), &back)
            };
            "the \"{}\" hook should have been executed", (stage) => {
                self.ran("client", stage).then_some(()).ok_or(format!("{:?}", self.calls))
            };
            "the \"{}\" hooks should be called with evaluation details", (stages) => {
                stages.split(", ").try_for_each(|stage| {
                    let call = self.calls.iter().find(|call| call.name == "client" && call.stage == stage);
                    let details = call.and_then(|call| call.details.as_ref());
                    described(details.ok_or(format!("{stage} has no details"))?, &step.table[1..])
                })
            };
            "the original evaluation context should remain unmodified", () => {
                let given = json!([1, 2]);
                same("the context", &self.context.get("list"), &Some(&given))
            };
            // They are a value that the caller owns, or cannot change.
            "the evaluation details should be immutable", () => self.outcome().map(drop);
            "the resolved metadata should contain", () => {
                step.table[1..].iter().try_for_each(|row| {
                    let [key, of, text] = &row[..] else { return Err("three columns".to_owned()) };
                    same(key, &self.outcome()?.metadata.get(key), &Some(&value(kind(of)?, text)?))
                })
            };
            "the resolved metadata is empty", () => same("the metadata", &self.outcome()?.metadata, &Map::new());
            "the resolved object value should be contain fields {}", (_fields) => self.is_template();
            "the resolved object details value should be contain fields {}", (_fields) => self.is_template();
            "the resolved details value should be \"{}\"", (text) => self.has_value(text);
            "the resolved {} details value should be {}, the variant should be \"{}\", and the reason should be \"{}\"", (_of, text, variant, reason) => {
                    self.has_value(text.trim_matches('"'))?;
                    self.has_reason(variant, reason)
                };
            "the resolved {} value should be {}", (_of, text) => self.has_value(text.trim_matches('"'));
            "the resolved string response should be \"{}\"", (text) => self.has_value(text);
            "the resolved flag value is \"{}\" when the context is empty", (text) => {
                self.context.clear();
                self.evaluate()?;
                self.has_value(text)
            };
            "the default {} value should be returned", (_of) => {
                let (_, _, default) = self.flag.as_ref().ok_or("no flag")?;
                same("the value", &self.outcome()?.value, default)
            };
            "the variant should be \"{}\", and the reason should be \"{}\"", (variant, reason) => self.has_reason(variant, reason);
            "the reason should indicate an error and the error code should indicate {} with \"{}\"", (_fault, code) => {
                same("the reason", &self.outcome()?.reason.as_deref(), &Some("ERROR"))?;
                same("the code", &self.outcome()?.error_code.as_deref(), &Some(code))
            };
            "the reason should be \"{}\"", (reason) => same("the reason", &self.outcome()?.reason.as_deref(), &Some(reason));
            "the error-code should be \"{}\"", (code) => same("the code", &self.outcome()?.error_code.as_deref(), &Some(code));
            "the flag key should be \"{}\"", (key) => same("the key", &&*self.outcome()?.key, &key);
            "the variant should be \"{}\"", (variant) => same("the variant", &self.outcome()?.variant.as_deref(), &Some(variant));
        }
    }

    fn evaluate_one(&mut self, of: &str, key: &str, default: &str) -> Done {
        let of = of.trim_start_matches("an ").trim_start_matches("a ");
        let kind = if of.is_empty() || of == "a" {
            Kind::String
        } else {
            kind(of)?
        };
        self.flag = Some((
            kind,
            key.to_owned(),
            value(kind, default.trim_matches('"'))?,
        ));
        self.evaluate()
    }

    fn evaluate(&mut self) -> Done {
        let (kind, key, default) = self.flag.clone().ok_or("no flag")?;
        let call = Call {
            key,
            kind,
            default,
            context: self.context.clone(),
            hooks: self.hooks.clone(),
        };
        self.outcome = Some(self.sdk.evaluate(&call)?);
        self.calls = self.sdk.hook_calls();
        Ok(())
    }

    fn add_to_context(&mut self, level: Level, key: &str, text: &str) -> Done {
        if level == Level::Invocation {
            self.context.insert(key.to_owned(), text.into());
            return Ok(());
        }
        self.sdk.add_to_context(level, key, text)
    }

    fn outcome(&self) -> Result<&Outcome, String> {
        self.outcome
            .as_ref()
            .ok_or_else(|| "nothing was evaluated".to_owned())
    }

    fn ran(&self, hook: &str, stage: &str) -> bool {
        self.calls
            .iter()
            .any(|call| call.name == hook && call.stage == stage)
    }

    fn has_value(&self, text: &str) -> Done {
        let (kind, ..) = self.flag.as_ref().ok_or("no flag")?;
        same("the value", &self.outcome()?.value, &value(*kind, text)?)
    }

    fn has_reason(&self, variant: &str, reason: &str) -> Done {
        same(
            "the variant",
            &self.outcome()?.variant.as_deref(),
            &Some(variant),
        )?;
        same(
            "the reason",
            &self.outcome()?.reason.as_deref(),
            &Some(reason),
        )
    }

    fn is_template(&self) -> Done {
        let template =
            json!({"showImages": true, "title": "Check out these pics!", "imagesPerPage": 100});
        same("the value", &self.outcome()?.value, &template)
    }
}

/// Compares details with a table of types, names and values.
fn described(details: &Outcome, table: &[Vec<String>]) -> Done {
    table.iter().try_for_each(|row| {
        let [of, name, text] = &row[..] else {
            return Err("three columns".to_owned());
        };
        let expected = match &**text {
            "null" => None,
            text => Some(value(kind(of)?, text)?),
        };
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let found = match &**name {
            "flag_key" => Some(details.key.clone().into()),
            "value" => Some(details.value.clone()),
            "variant" => text(&details.variant),
            "reason" => text(&details.reason),
            "error_code" => text(&details.error_code),
            other => return Err(format!("no field {other}")),
        };
        same(name, &found, &expected)
    })
}

fn same<T: PartialEq + std::fmt::Debug + ?Sized>(name: &str, found: &T, expected: &T) -> Done {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{name} is {found:?} instead of {expected:?}")),
    }
}

fn provider(state: &str) -> Result<ProviderKind, String> {
    match state {
        "stable" => Ok(ProviderKind::Stable),
        "not ready" => Ok(ProviderKind::NotReady),
        "error" => Ok(ProviderKind::Error),
        "fatal" => Ok(ProviderKind::Fatal),
        "stale" => Ok(ProviderKind::Stale),
        _ => Err(format!("no state {state}")),
    }
}

fn level(name: &str) -> Result<Level, String> {
    match name {
        "API" => Ok(Level::Api),
        "Transaction" => Ok(Level::Transaction),
        "Client" => Ok(Level::Client),
        "Invocation" => Ok(Level::Invocation),
        "Before Hooks" => Ok(Level::BeforeHooks),
        _ => Err(format!("no level {name}")),
    }
}
