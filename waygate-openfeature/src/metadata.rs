use std::{borrow::Cow, sync::Arc};

/// Facts about a flag or an event, by name. They cannot be changed, and a clone is cheap.
///
/// ```
/// use waygate_openfeature::{FlagMetadata, MetadataValue};
///
/// let metadata: FlagMetadata = [("version", MetadataValue::from(3)), ("team", "search".into())].into_iter().collect();
/// assert_eq!(metadata.get("version"), Some(&MetadataValue::Integer(3)));
/// assert_eq!(metadata.iter().count(), 2);
/// assert!(FlagMetadata::default().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlagMetadata(Option<Arc<[Fact]>>);

type Fact = (Cow<'static, str>, MetadataValue);

/// A fact of [`FlagMetadata`].
///
/// ```
/// use waygate_openfeature::MetadataValue;
///
/// assert_eq!(MetadataValue::from("a"), MetadataValue::String("a".into()));
/// assert_eq!(MetadataValue::from(7), MetadataValue::Integer(7));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetadataValue {
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// A text.
    String(Arc<str>),
}

impl FlagMetadata {
    /// Returns a fact.
    pub fn get(&self, name: &str) -> Option<&MetadataValue> {
        self.iter()
            .find_map(|(other, value)| (other == name).then_some(value))
    }

    /// Returns all facts, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MetadataValue)> {
        let facts = self.0.iter().flat_map(|facts| facts.iter());
        facts.map(|(name, value)| (&**name, value))
    }

    /// Returns whether there are no facts.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// Of several facts with one name, the last counts.
impl<N: Into<Cow<'static, str>>> FromIterator<(N, MetadataValue)> for FlagMetadata {
    fn from_iter<I: IntoIterator<Item = (N, MetadataValue)>>(given: I) -> Self {
        let mut facts: Vec<Fact> = Vec::new();
        for (name, value) in given {
            let name = name.into();
            match facts.iter_mut().find(|(other, _)| *other == name) {
                Some(fact) => fact.1 = value,
                None => facts.push((name, value)),
            }
        }
        Self((!facts.is_empty()).then(|| facts.into()))
    }
}

macro_rules! from {
    ($($type:ty => $value:ident),+) => {$(
        impl From<$type> for MetadataValue {
            fn from(value: $type) -> Self {
                Self::$value(value.into())
            }
        }
    )+};
}

from!(bool => Bool, i32 => Integer, u32 => Integer, i64 => Integer, f64 => Float, &str => String, String => String);

/// Facts about a provider.
///
/// ```
/// assert_eq!(waygate_openfeature::ProviderMetadata::new("my-provider").name(), "my-provider");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderMetadata {
    name: Arc<str>,
}

impl ProviderMetadata {
    /// Creates the metadata of a provider with this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into() }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }
}

/// Facts about a client.
///
/// ```
/// let client = waygate_openfeature::isolated::new().client_for("search");
/// assert_eq!(client.metadata().domain(), Some("search"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientMetadata {
    domain: Option<Arc<str>>,
}

impl ClientMetadata {
    pub(crate) fn new(domain: Option<Arc<str>>) -> Self {
        Self { domain }
    }

    /// Returns the domain that the client was created for.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    pub(crate) fn shared_domain(&self) -> Option<&Arc<str>> {
        self.domain.as_ref()
    }
}
