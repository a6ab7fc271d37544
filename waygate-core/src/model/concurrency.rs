use std::num::NonZeroU32;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{
    ExemptPath, declared,
    rate_limit::{key_in_words, key_summary},
    text,
};
use crate::{
    decl,
    grammar::{Invalid, KeyPart, KeySource, PolicyName, RoleName},
};

/// A concurrency limit: the most concurrent requests, and the exemptions.
///
/// ```
/// # use waygate_core::model::ConcurrencyPolicy;
/// let policy: ConcurrencyPolicy = serde_json::from_str(r#"{"limit": 10, "key_strategy": "user"}"#)?;
/// assert_eq!(policy.meaning(), "at most 10 requests at a time, for each user");
/// assert_eq!(ConcurrencyPolicy::new(policy.limit).limit, policy.limit);
///
/// let mistake = serde_json::from_str::<ConcurrencyPolicy>(r#"{"limit": 0}"#).unwrap_err();
/// assert!(mistake.to_string().contains("expected a nonzero u32"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(from = "GivenConcurrencyPolicy")]
#[non_exhaustive]
pub struct ConcurrencyPolicy {
    /// The name of the limit, unique within its scope.
    pub name: PolicyName,
    /// The most concurrent requests.
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 1))]
    pub limit: NonZeroU32,
    /// The key: each of its values has its own count. The default is `global`: all requests together.
    #[serde(rename = "key_strategy")]
    pub key: KeySource,
    /// Clients in these networks pass uncounted.
    #[serde(serialize_with = "text::networks::serialize")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub exempt_ips: Vec<IpNet>,
    /// Callers with one of these roles pass uncounted.
    pub exempt_roles: Vec<RoleName>,
    /// Routes that a global or service limit does not apply to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(ignore))]
    pub exempt_routes: Vec<ExemptPath>,
    /// `true` if a global or service limit counts force-active routes as well.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schema(ignore))]
    pub include_force_active: bool,
}

/// A concurrency limit, as in requests and stores. Missing fields have defaults.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(utoipa::ToSchema),
    schema(as = GivenConcurrencyLimit)
)]
#[serde(deny_unknown_fields)]
pub struct GivenConcurrencyPolicy {
    /// The name within the scope. Default: `default`.
    #[serde(default = "default_name")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<PolicyName>))]
    name: PolicyName,
    /// The most concurrent requests.
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 1, example = 10))]
    limit: NonZeroU32,
    /// The key: each of its values has its own count. Default: `global`, all requests together.
    #[serde(default = "everything")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<KeySource>))]
    key_strategy: KeySource,
    /// Addresses and networks. Default: none.
    #[serde(default, with = "text::networks")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    exempt_ips: Vec<IpNet>,
    /// Default: none.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<RoleName>>))]
    exempt_roles: Vec<RoleName>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(ignore))]
    exempt_routes: Vec<ExemptPath>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(ignore))]
    include_force_active: bool,
}

impl From<GivenConcurrencyPolicy> for ConcurrencyPolicy {
    fn from(given: GivenConcurrencyPolicy) -> Self {
        Self {
            name: given.name,
            limit: given.limit,
            key: given.key_strategy,
            exempt_ips: given.exempt_ips,
            exempt_roles: given.exempt_roles,
            exempt_routes: given.exempt_routes,
            include_force_active: given.include_force_active,
        }
    }
}

impl ConcurrencyPolicy {
    /// Creates a policy of this limit for all callers together.
    pub fn new(limit: NonZeroU32) -> Self {
        Self {
            name: default_name(),
            limit,
            key: everything(),
            exempt_ips: Vec::new(),
            exempt_roles: Vec::new(),
            exempt_routes: Vec::new(),
            include_force_active: false,
        }
    }

    /// Converts a declaration of `#[concurrency_limit]`. Without a name, it is named by its position among the
    /// handler's attributes.
    ///
    /// # Errors
    /// [`Invalid`] for a declaration written by hand; the attribute checks its own at compile time.
    #[doc(hidden)]
    pub fn declared(declared: &decl::ConcurrencyLimit) -> Result<Self, Invalid> {
        let limit = NonZeroU32::new(declared.limit)
            .ok_or_else(|| Invalid::new("concurrency limit", "0", "use 1 or more"))?;
        Ok(Self {
            name: declared::name(declared.name, declared.ordinal)?,
            limit,
            key: declared::parsed(declared.key)?.unwrap_or_else(everything),
            exempt_ips: declared::networks(declared.exempt_ips)?,
            exempt_roles: declared::roles(declared.exempt_roles)?,
            exempt_routes: Vec::new(),
            include_force_active: false,
        })
    }

    /// Summarizes the limit for clients of the route: `10 requests at a time by user`.
    pub fn summary(&self) -> String {
        format!("{} {}", self.requests(), key_summary(&self.key))
    }

    /// Describes the policy in words.
    pub fn meaning(&self) -> String {
        let (requests, key) = (self.requests(), key_in_words(&self.key));
        let forced = match self.include_force_active {
            true => "; force-active routes as well",
            false => "",
        };
        format!("at most {requests}, {key}{forced}")
    }

    fn requests(&self) -> String {
        match self.limit.get() {
            1 => "1 request at a time".to_owned(),
            limit => format!("{limit} requests at a time"),
        }
    }
}

fn default_name() -> PolicyName {
    PolicyName::by_ordinal(0)
}

fn everything() -> KeySource {
    KeySource::Parts([KeyPart::Global].into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    #[test]
    fn serialized_policies_are_read_back() {
        let bare: ConcurrencyPolicy = from_value(json!({"limit": 5})).unwrap();
        assert_eq!(bare, ConcurrencyPolicy::new(NonZeroU32::new(5).unwrap()));
        assert_eq!(
            to_value(&bare).unwrap(),
            json!({
                "name": "default", "limit": 5, "key_strategy": "global", "exempt_ips": [], "exempt_roles": [],
            })
        );
        let full = json!({
            "name": "per-user", "limit": 5, "key_strategy": "user, path:tenant",
            "exempt_ips": ["10.0.0.0/8"], "exempt_roles": ["admin"],
            "exempt_routes": ["/health", "GET:/v1/{*rest}"], "include_force_active": true,
        });
        let policy: ConcurrencyPolicy = from_value(full.clone()).unwrap();
        assert_eq!(to_value(&policy).unwrap(), full);
    }

    #[test]
    fn is_checked_when_deserialized() {
        for (value, expected) in [
            (json!({}), "missing field `limit`"),
            (json!({"limit": 0}), "invalid value: integer `0`"),
            (json!({"limit": -1}), "invalid value: integer `-1`"),
            (json!({"limit": 1, "burst": 2}), "unknown field `burst`"),
            (
                json!({"limit": 1, "name": "a b"}),
                "invalid policy name `a b`",
            ),
            (
                json!({"limit": 1, "key_strategy": "ip, ip"}),
                "invalid key `ip, ip`",
            ),
            (
                json!({"limit": 1, "exempt_ips": ["10/8"]}),
                "invalid CIDR `10/8`",
            ),
            (
                json!({"limit": 1, "exempt_roles": [""]}),
                "invalid role name ``",
            ),
        ] {
            let found = from_value::<ConcurrencyPolicy>(value).unwrap_err();
            assert!(found.to_string().starts_with(expected), "{found}");
        }
    }

    #[test]
    fn describes_its_effect() {
        let meaning = |value: Value| from_value::<ConcurrencyPolicy>(value).unwrap().meaning();
        for (key, words) in [
            ("global", "for all callers together"),
            ("ip", "for each client address"),
            ("api_key, path:tenant", "for each API key and {tenant}"),
            ("custom", "for each key that a function in the code returns"),
        ] {
            assert_eq!(
                meaning(json!({"limit": 3, "key_strategy": key})),
                format!("at most 3 requests at a time, {words}")
            );
        }
    }

    #[test]
    fn a_handwritten_declaration_is_checked() {
        let declared = decl::ConcurrencyLimit {
            name: None,
            ordinal: 1,
            limit: 0,
            key: Some("custom"),
            exempt_ips: &["10.0.0.0/8"],
            exempt_roles: &["admin"],
        };
        let problem = ConcurrencyPolicy::declared(&declared).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "invalid concurrency limit `0`: use 1 or more"
        );
        let policy = ConcurrencyPolicy::declared(&decl::ConcurrencyLimit {
            limit: 2,
            ..declared
        })
        .unwrap();
        assert_eq!((policy.name.as_str(), policy.limit.get()), ("default-2", 2));
        assert_eq!(policy.key, KeySource::Custom);
        assert_eq!((policy.exempt_ips.len(), policy.exempt_roles.len()), (1, 1));
    }
}
