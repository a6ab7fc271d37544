use serde_json::Value;

use super::{
    attribute::{AttributeName, AttributeValue, hash},
    source::Context,
};

/// The subject of an evaluation as a value: one context or several of different kinds, with their attributes.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::EvaluationContext;
///
/// let context = EvaluationContext::new("user-1").with("plan", "pro").with("seats", 5);
/// let same = json!({"targetingKey": "user-1", "plan": "pro", "seats": 5});
/// assert_eq!(EvaluationContext::from_json(&same)?, context);
/// # Ok::<(), waygate_core::flag::InvalidContext>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationContext {
    primary: Single,
    others: Vec<Single>,
}

/// A context of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Single {
    pub(super) kind: Box<str>,
    pub(super) key: Option<Box<str>>,
    /// Sorted by hash.
    attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, PartialEq)]
struct Attribute {
    hash: u64,
    name: Box<str>,
    value: Value,
}

impl EvaluationContext {
    /// The kind of a context that does not say.
    pub const DEFAULT_KIND: &str = "user";

    /// Creates the context of a user. The key identifies it in targets, segments and rollouts.
    pub fn new(targeting_key: impl Into<String>) -> Self {
        let key = targeting_key.into();
        Self::from_parts(Single::new(Self::DEFAULT_KIND, Some(key)), Vec::new())
    }

    /// Creates a context without a key. Individual targets do not match it, and rollouts fail with
    /// `TARGETING_KEY_MISSING`.
    pub fn anonymous() -> Self {
        Self::from_parts(Single::new(Self::DEFAULT_KIND, None), Vec::new())
    }

    pub(super) fn from_parts(primary: Single, others: Vec<Single>) -> Self {
        Self { primary, others }
    }

    /// Sets the primary kind.
    #[must_use]
    pub fn of_kind(mut self, kind: &str) -> Self {
        self.primary.kind = kind.into();
        self
    }

    /// Sets an attribute of the primary context.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.primary.set(name, value.into());
        self
    }

    /// Adds the primary context of another, of a different kind.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.others.push(other.primary);
        self
    }

    fn single(&self, kind: Option<&str>) -> Option<&Single> {
        match kind {
            None => Some(&self.primary),
            Some(kind) if *self.primary.kind == *kind => Some(&self.primary),
            Some(kind) => self.others.iter().find(|single| *single.kind == *kind),
        }
    }
}

impl Single {
    pub(super) fn new(kind: &str, key: Option<String>) -> Self {
        Self {
            kind: kind.into(),
            key: key.map(String::into_boxed_str),
            attributes: Vec::new(),
        }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        let hash = hash(name);
        let start = self.attributes.partition_point(|other| other.hash < hash);
        let known = self.attributes[start..]
            .iter_mut()
            .take_while(|other| other.hash == hash)
            .find(|other| *other.name == *name);
        match known {
            Some(known) => known.value = value,
            None => {
                let name = name.into();
                self.attributes
                    .insert(start, Attribute { hash, name, value });
            }
        }
    }

    fn get(&self, name: &AttributeName) -> Option<&Value> {
        let hash = name.hash();
        // A search pays off for many.
        let start = match self.attributes.len() {
            ..=16 => self
                .attributes
                .iter()
                .position(|other| other.hash == hash)?,
            _ => self.attributes.partition_point(|other| other.hash < hash),
        };
        let mut same = self.attributes[start..]
            .iter()
            .take_while(|other| other.hash == hash);
        let found = same.find(|other| *other.name == *name.as_str())?;
        Some(&found.value)
    }
}

impl Context for EvaluationContext {
    fn key(&self, kind: Option<&str>) -> Option<&str> {
        self.single(kind)?.key.as_deref()
    }

    fn kind(&self) -> &str {
        &self.primary.kind
    }

    fn attribute(&self, kind: Option<&str>, name: &AttributeName) -> Option<AttributeValue<'_>> {
        self.single(kind)?.get(name).map(AttributeValue::from)
    }
}
