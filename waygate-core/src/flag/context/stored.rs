use jiff::Timestamp;
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
/// assert_eq!(context.get("seats"), Some(&json!(5)));
///
/// let context = context.with_time("signed_up", "2030-01-01T00:00:00Z".parse().unwrap());
/// assert_eq!(context.get("signed_up"), Some(&json!("2030-01-01T00:00:00Z")));
/// # Ok::<(), waygate_core::flag::InvalidContext>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationContext {
    primary: Single,
    /// Sorted by kind. Of several of one kind, the first one counts.
    others: Vec<Single>,
}

/// A context of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Single {
    pub(super) kind: Box<str>,
    pub(super) key: Option<Box<str>>,
    /// Sorted by hash and name; no name is there twice.
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

    pub(super) fn from_parts(primary: Single, mut others: Vec<Single>) -> Self {
        others.sort_by(|one, other| one.kind.cmp(&other.kind));
        Self { primary, others }
    }

    /// Sets the primary kind.
    ///
    /// ```
    /// use waygate_core::flag::EvaluationContext;
    ///
    /// let device = EvaluationContext::new("device-1").of_kind("device");
    /// let context = EvaluationContext::new("user-1").and(device);
    /// assert_eq!(context.to_json()["device"]["key"], "device-1");
    /// ```
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

    /// Sets an attribute of the primary context to a point in time, which rules compare with `before` and `after`.
    #[must_use]
    pub fn with_time(self, name: &str, time: Timestamp) -> Self {
        self.with(name, time.to_string())
    }

    /// Adds the primary context of another, of a different kind.
    ///
    /// ```
    /// use waygate_core::flag::EvaluationContext;
    ///
    /// let organization = EvaluationContext::new("org-1").of_kind("organization").with("plan", "pro");
    /// let context = EvaluationContext::new("user-1").and(organization);
    /// assert_eq!(context.to_json()["kind"], "multi");
    /// ```
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let other = other.primary;
        let after = |known: &Single| known.kind <= other.kind;
        self.others
            .insert(self.others.partition_point(after), other);
        self
    }

    /// Returns the key of the primary context.
    pub fn targeting_key(&self) -> Option<&str> {
        self.primary.key.as_deref()
    }

    /// Returns an attribute of the primary context.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.primary.find(hash(name), name)
    }

    /// Returns the attributes of the primary context, each once, in no order.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.primary.attributes()
    }

    /// The primary context, and those of other kinds.
    pub(super) fn parts(&self) -> (&Single, &[Single]) {
        (&self.primary, &self.others)
    }

    /// The contexts of all kinds, the primary one first.
    pub(super) fn singles(&self) -> impl Iterator<Item = &Single> {
        std::iter::once(&self.primary).chain(&self.others)
    }

    fn single(&self, kind: Option<&str>) -> Option<&Single> {
        match kind {
            None => Some(&self.primary),
            Some(kind) if *self.primary.kind == *kind => Some(&self.primary),
            // A search pays off for many.
            Some(kind) if self.others.len() > 16 => {
                let first = self.others.partition_point(|single| *single.kind < *kind);
                let found = self.others.get(first);
                found.filter(|single| *single.kind == *kind)
            }
            Some(kind) => self.others.iter().find(|single| *single.kind == *kind),
        }
    }
}

/// A context without a key and attributes.
impl Default for EvaluationContext {
    fn default() -> Self {
        Self::anonymous()
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

    /// Adds attributes. Later ones replace earlier ones of the same name.
    pub(super) fn extend<'a>(&mut self, given: impl Iterator<Item = (&'a str, &'a Value)>) {
        self.attributes.extend(given.map(|(name, value)| Attribute {
            hash: hash(name),
            name: name.into(),
            value: value.clone(),
        }));
        // Equal names keep their order.
        self.attributes
            .sort_by(|one, other| one.place().cmp(&other.place()));
        self.attributes.dedup_by(|later, earlier| {
            let same = later.place() == earlier.place();
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
    }

    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, &Value)> {
        let attributes = self.attributes.iter();
        attributes.map(|attribute| (&*attribute.name, &attribute.value))
    }

    fn set(&mut self, name: &str, value: Value) {
        let hash = hash(name);
        match self.position(hash, name) {
            Ok(at) => self.attributes[at].value = value,
            Err(at) => {
                let name = name.into();
                self.attributes.insert(at, Attribute { hash, name, value });
            }
        }
    }

    fn position(&self, hash: u64, name: &str) -> Result<usize, usize> {
        let place = (hash, name);
        self.attributes
            .binary_search_by(|other| other.place().cmp(&place))
    }

    pub(super) fn get(&self, name: &AttributeName) -> Option<&Value> {
        self.find(name.hash(), name.as_str())
    }

    fn find(&self, hash: u64, name: &str) -> Option<&Value> {
        // A search pays off for many.
        if self.attributes.len() > 16 {
            let at = self.position(hash, name).ok()?;
            return self.attributes.get(at).map(|found| &found.value);
        }
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|other| other.hash == hash && *other.name == *name)?;
        Some(&found.value)
    }
}

impl Attribute {
    fn place(&self) -> (u64, &str) {
        (self.hash, &self.name)
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
