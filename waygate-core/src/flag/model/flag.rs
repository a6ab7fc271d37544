use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    progressive::Progressive,
    rollout::{Holdout, LayerRange, Serve},
    rule::Rule,
    schedule::ScheduledChange,
    targets::{ContextTargets, Targets},
};
use crate::{
    flag::{hash::HashAlgorithm, key::FlagKey, words::words},
    model::text::maybe_instant,
};

/// A feature flag (wire contract, section 2.5), with members of Waygate after those of the contract; the latter are
/// omitted from JSON while they are not used.
///
/// Read one with [`Flag::parse`], which refuses any problem, or [`Flag::stored`], which accepts what the contract
/// accepts. Evaluate it as part of a [`FlagSet`](crate::flag::FlagSet).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(utoipa::ToSchema),
    schema(
        description = "A feature flag. Members after `created_by` are missing while they are not used."
    )
)]
#[non_exhaustive]
pub struct Flag {
    /// The key, which never changes.
    pub key: FlagKey,
    /// The name for people.
    pub name: String,
    /// The purpose.
    pub description: String,
    /// The type of all values.
    #[serde(rename = "type")]
    pub value_type: FlagType,
    /// Labels for people.
    pub tags: Vec<String>,
    /// The possible results.
    pub variations: Vec<Variation>,
    /// The name of the variation of a disabled flag.
    pub off_variation: String,
    /// The result if no target and no rule matches.
    pub fallthrough: Serve,
    /// The kill switch: `false` serves the off variation to all.
    pub enabled: bool,
    /// Flags that must have a certain variation; otherwise the off variation is served.
    pub prerequisites: Vec<Prerequisite>,
    /// Individual contexts of any kind, by key.
    #[cfg_attr(feature = "schema", schema(value_type = std::collections::BTreeMap<String, Vec<String>>))]
    pub targets: Targets,
    /// Rules in order; the first match decides.
    pub rules: Vec<Rule>,
    /// Changes at future times.
    pub scheduled_changes: Vec<ScheduledChange>,
    /// The stage that its owner sets. The evaluation does not read it.
    pub status: FlagStatus,
    /// `true` for a flag that is to be removed some day.
    pub temporary: bool,
    /// The owner.
    pub maintainer: Option<String>,
    /// The time of creation.
    #[serde(with = "maybe_instant")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub created_at: Option<Timestamp>,
    /// The time of the last change.
    #[serde(with = "maybe_instant")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub updated_at: Option<Timestamp>,
    /// The author.
    pub created_by: String,
    /// The hash of rollouts; `None` is the default of the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<HashAlgorithm>,
    /// The seed of rollouts; `None` is the key. Flags with the same seed have the same buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// The attribute of rollouts; `None` is the key of the context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_by: Option<String>,
    /// The kind of context of rollouts; `None` is the primary kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_kind: Option<String>,
    /// Individual contexts of one kind, after `targets`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context_targets: Vec<ContextTargets>,
    /// The part of a mutual-exclusion layer; contexts outside of it get the off variation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerRange>,
    /// Contexts that are kept out of experiments; they get the off variation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
    /// A rollout that grows with time, in place of the fallthrough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progressive: Option<Progressive>,
    /// The time after which the flag is to be removed.
    #[serde(with = "maybe_instant", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// `true` if clients on other people's devices, such as browsers, may evaluate the flag. Any user of such a client can
    /// read the value. `false` by default.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub client_visible: bool,
}

impl Flag {
    /// Creates a flag without variations, enabled, with the defaults of the contract for all other members.
    ///
    /// ```
    /// use waygate_core::flag::{Flag, FlagType, Serve, Variation};
    ///
    /// let mut flag = Flag::new("search".parse()?, FlagType::Boolean);
    /// flag.variations = vec![Variation::new("on", true), Variation::new("off", false)];
    /// flag.off_variation = "off".to_owned();
    /// flag.fallthrough = Serve::Variation("on".to_owned());
    /// assert!(Flag::parse(&serde_json::to_value(&flag)?).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(key: FlagKey, value_type: FlagType) -> Self {
        Self {
            name: key.to_string(),
            key,
            description: String::new(),
            value_type,
            tags: Vec::new(),
            variations: Vec::new(),
            off_variation: String::new(),
            fallthrough: Serve::Rollout(Vec::new()),
            enabled: true,
            prerequisites: Vec::new(),
            targets: Targets::default(),
            rules: Vec::new(),
            scheduled_changes: Vec::new(),
            status: FlagStatus::Active,
            temporary: true,
            maintainer: None,
            created_at: None,
            updated_at: None,
            created_by: "system".to_owned(),
            hash: None,
            seed: None,
            bucket_by: None,
            context_kind: None,
            context_targets: Vec::new(),
            layer: None,
            holdout: None,
            progressive: None,
            expires_at: None,
            client_visible: false,
        }
    }

    /// Returns the first variation of this name.
    pub fn variation(&self, name: &str) -> Option<&Variation> {
        self.variations
            .iter()
            .find(|variation| variation.name == name)
    }
}

words! {
    /// The type of the values of a flag.
    pub enum FlagType: "flag type" {
        /// `true` or `false`.
        Boolean = "boolean",
        /// A string.
        String = "string",
        /// A whole number of 64 bits.
        Integer = "integer",
        /// A floating-point number of 64 bits.
        Float = "float",
        /// An object or an array.
        Json = "json",
    }
}

words! {
    /// The stage of a flag in the words of the contract. The evaluation does not read it.
    pub enum FlagStatus: "flag status" {
        /// Created, and not evaluated yet.
        New = "new",
        /// In use.
        Active = "active",
        /// Served to all.
        Launched = "launched",
        /// Not in use.
        Inactive = "inactive",
        /// To be removed.
        Deprecated = "deprecated",
        /// Kept for the record.
        Archived = "archived",
    }
}

/// A possible result of a flag.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Variation;
///
/// let green = Variation::new("green", json!({"color": "#0a0"}));
/// assert_eq!(green.name, "green");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Variation {
    /// The name, unique within the flag.
    pub name: String,
    /// The value, of the type of the flag.
    pub value: Value,
    /// The purpose.
    pub description: String,
}

impl Variation {
    /// Creates a variation.
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            description: String::new(),
        }
    }
}

/// Another flag that must have a certain variation.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Flag;
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": "on",
///     "prerequisites": [{"flag_key": "new-backend", "variation": "on"}],
/// }))?;
/// assert_eq!(flag.prerequisites[0].flag_key.as_str(), "new-backend");
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Prerequisite {
    /// The other flag.
    pub flag_key: FlagKey,
    /// The name of its variation. A disabled flag counts with its off variation.
    pub variation: String,
}
