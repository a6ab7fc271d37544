use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::LimitKey;

/// The decisions of a rate limit since the process started.
///
/// ```
/// use waygate_core::view::LimitCounts;
///
/// let counts: LimitCounts =
///     serde_json::from_str(r#"{"allowed": 40, "refused": 2, "would_refuse": 0}"#)?;
/// assert_eq!(counts.total(), 42);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LimitCounts {
    /// Requests that were counted and passed.
    pub allowed: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests that a policy in shadow mode would have refused.
    pub would_refuse: u64,
}

impl LimitCounts {
    /// All requests that were counted, or refused.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.allowed
            .saturating_add(self.refused)
            .saturating_add(self.would_refuse)
    }
}

/// A key that is close to its limit, or over it.
///
/// ```
/// use waygate_core::{Timestamp, view::KeyUse};
///
/// let used = KeyUse::new("203.0.113.7".to_owned(), Timestamp::now());
/// assert_eq!((used.seen, used.refused), (0, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct KeyUse {
    /// The key, with secrets as digests.
    pub key: String,
    /// The number of requests close to the limit or over it. An upper bound if many keys compete for few slots.
    pub seen: u64,
    /// The number of these requests that were refused, or would have been.
    pub refused: u64,
    /// The limit at that time.
    pub limit: u64,
    /// The remaining units at that time.
    pub remaining: u64,
    /// The last time when it was close to the limit or over it, in UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub last_seen: Timestamp,
}

impl KeyUse {
    /// Creates the record of a key that was not seen yet.
    pub fn new(key: String, last_seen: Timestamp) -> Self {
        Self {
            key,
            seen: 0,
            refused: 0,
            limit: 0,
            remaining: 0,
            last_seen,
        }
    }
}

/// A request that was refused, or that a policy in shadow mode would have refused (wire contract, section 2.4, and more).
///
/// ```
/// use uuid::Uuid;
/// use waygate_core::view::HitRecord;
///
/// let (id, time) = (Uuid::new_v4(), "2030-01-01T00:00:00Z".to_owned());
/// let hit = HitRecord::new(id, time, "GET:/search#default".parse()?);
/// assert_eq!(hit.policy.to_string(), "GET:/search#default");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(utoipa::ToSchema),
    schema(as = RateLimitHit)
)]
#[non_exhaustive]
pub struct HitRecord {
    /// Unique.
    pub id: Uuid,
    /// The time, in UTC.
    #[cfg_attr(feature = "schema", schema(format = DateTime))]
    pub timestamp: String,
    /// The service of the process that has refused the request, in a fleet; omitted otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub service: Option<String>,
    /// The route's path.
    pub path: String,
    /// The request's method.
    pub method: String,
    /// The key of the request, with secrets as digests.
    #[cfg_attr(
        feature = "schema",
        schema(example = "waygate:ratelimit:GET:/search:203.0.113.7")
    )]
    pub key: String,
    /// The limit, as written.
    pub limit: String,
    /// The caller's tier, if the policy has one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub tier: Option<String>,
    /// The time when the same request may pass again.
    #[cfg_attr(feature = "schema", schema(format = DateTime))]
    pub reset_at: String,
    /// The policy.
    pub policy: LimitKey,
    /// `true` if the request was refused; `false` in shadow mode.
    pub enforced: bool,
}

impl HitRecord {
    /// Creates the record of a refusal at `timestamp`, without its request.
    pub fn new(id: Uuid, timestamp: String, policy: LimitKey) -> Self {
        Self {
            id,
            reset_at: timestamp.clone(),
            timestamp,
            service: None,
            path: String::new(),
            method: String::new(),
            key: String::new(),
            limit: String::new(),
            tier: None,
            policy,
            enforced: true,
        }
    }
}
