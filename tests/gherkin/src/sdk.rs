use serde_json::{Map, Value};

/// The type of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Boolean,
    Integer,
    Float,
    String,
    Object,
}

/// The state of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ProviderKind {
    Stable,
    NotReady,
    Error,
    Fatal,
    Stale,
}

/// The level of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Level {
    Api,
    Transaction,
    Client,
    Invocation,
    BeforeHooks,
}

/// An evaluation.
#[derive(Debug, Clone)]
pub struct Call {
    /// The key of the flag.
    pub key: String,
    /// The type that the caller asks for.
    pub kind: Kind,
    /// The default of the caller.
    pub default: Value,
    /// The context of the call; it may have a `targetingKey`.
    pub context: Map<String, Value>,
    /// Hooks of this call, by name, besides those of the client. They are noted as [`HookCall`]s.
    pub hooks: Vec<String>,
}

/// The details of an evaluation.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Outcome {
    pub key: String,
    pub value: Value,
    pub variant: Option<String>,
    pub reason: Option<String>,
    pub error_code: Option<String>,
    pub metadata: Map<String, Value>,
}

/// A stage of a hook that ran.
#[derive(Debug, Clone)]
pub struct HookCall {
    /// The name of the hook.
    pub name: String,
    /// `before`, `after`, `error` or `finally`.
    pub stage: String,
    /// The details, if the stage gets them.
    pub details: Option<Outcome>,
}

/// A client under test. A function that it has no way to do fails with the reason.
pub trait Sdk {
    /// Sets a provider of the flags of the specification in this state. It notes the context of each evaluation.
    fn set_provider(&mut self, kind: ProviderKind) -> Result<(), String>;

    /// Returns the status of the provider, in the words of the specification.
    fn status(&mut self) -> Result<String, String>;

    /// Adds an entry to the context of a level other than the invocation.
    fn add_to_context(&mut self, level: Level, key: &str, value: &str) -> Result<(), String>;

    /// Adds a hook of this name to the client.
    fn add_hook(&mut self, name: &str) -> Result<(), String>;

    /// Evaluates a flag, and returns the details: also after an error, with the default.
    fn evaluate(&mut self, call: &Call) -> Result<Outcome, String>;

    /// Returns the stages that ran, in order.
    fn hook_calls(&mut self) -> Vec<HookCall>;

    /// Returns the context that the provider got last.
    fn merged_context(&mut self) -> Map<String, Value>;
}
