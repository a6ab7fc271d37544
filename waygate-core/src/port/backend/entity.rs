use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::error::BackendError;
use crate::model::{AuditEntry, Epoch, Revision};

/// The name of an entity: a kind and, mostly, a key of that kind, such as `route/GET:/payments`.
///
/// 1 to 2048 bytes without control characters; [`Batch::check`](super::Batch::check) refuses any other.
///
/// ```
/// use waygate_core::port::EntityKey;
///
/// let key = EntityKey::of("route", "GET:/payments");
/// assert_eq!(key.as_str(), "route/GET:/payments");
/// assert_eq!(key.name_in("route"), Some("GET:/payments"));
/// assert_eq!(EntityKey::singleton("global").as_str(), "global");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityKey(Arc<str>);

impl EntityKey {
    /// The longest key, in bytes.
    pub const MAX_LEN: usize = 2048;

    /// Creates the key of an entity that exists once, such as `global`.
    pub fn singleton(kind: &'static str) -> Self {
        Self(kind.into())
    }

    /// Creates the key of one of many entities of a kind.
    pub fn of(kind: &'static str, name: impl fmt::Display) -> Self {
        Self(format!("{kind}/{name}").into())
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that the key is well formed.
    ///
    /// # Errors
    /// [`BackendError::InvalidBatch`] with the problem.
    pub fn check(&self) -> Result<(), BackendError> {
        let problem = match self.0.len() {
            0 => "is empty".to_owned(),
            len if len > Self::MAX_LEN => format!("has {len} bytes"),
            _ if self.0.chars().any(char::is_control) => "has a control character".to_owned(),
            _ => return Ok(()),
        };
        let shown: String = self.0.chars().take(40).collect();
        Err(BackendError::InvalidBatch(format!(
            "the key {shown:?} {problem}; a key has 1 to {} bytes and no control characters",
            Self::MAX_LEN
        )))
    }

    /// Returns the name of an entity of this kind.
    pub fn name_in(&self, kind: &str) -> Option<&str> {
        self.0.strip_prefix(kind)?.strip_prefix('/')
    }
}

impl Borrow<str> for EntityKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for EntityKey {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One stored value.
///
/// ```
/// use waygate_core::port::Entity;
///
/// let entity = Entity::new(7, serde_json::json!({}));
/// assert_eq!(entity.revision, 7);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entity {
    /// The number of the commit that last wrote it.
    pub revision: u64,
    /// The value.
    pub value: serde_json::Value,
}

impl Entity {
    /// Creates a value that was last written by the commit of this number.
    pub fn new(revision: u64, value: serde_json::Value) -> Self {
        Self { revision, value }
    }
}

/// The content of a store at one revision.
///
/// ```
/// use serde_json::json;
/// use waygate_core::{
///     model::{Epoch, Revision},
///     port::{Entity, EntityKey, Image},
/// };
///
/// let revision = Revision { epoch: Epoch::random(), number: 7 };
/// let route = (EntityKey::of("route", "GET:/payments"), Entity::new(7, json!({})));
/// let image = Image::new(revision, vec![route]);
/// assert_ne!(image, Image::empty(revision.epoch));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Image {
    /// The revision of the last commit.
    pub revision: Revision,
    /// The entities, in no particular order.
    pub entities: Vec<(EntityKey, Entity)>,
}

impl Image {
    /// Creates the content of a store.
    pub fn new(revision: Revision, entities: Vec<(EntityKey, Entity)>) -> Self {
        Self { revision, entities }
    }

    /// Creates an empty store of this epoch, at revision 0.
    pub fn empty(epoch: Epoch) -> Self {
        Self::new(Revision { epoch, number: 0 }, Vec::new())
    }
}

/// The changes that a damaged store has lost.
///
/// ```
/// use waygate_core::port::Lost;
///
/// let lost = Lost::new("the file was damaged; an earlier one is used", Vec::new());
/// assert!(lost.entries.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Lost {
    /// The damage, and its replacement.
    pub cause: String,
    /// Audit entries of lost changes, oldest first, as far as they are known.
    pub entries: Vec<AuditEntry>,
}

impl Lost {
    /// Creates a description of lost changes.
    pub fn new(cause: impl Into<String>, entries: Vec<AuditEntry>) -> Self {
        Self {
            cause: cause.into(),
            entries,
        }
    }
}
