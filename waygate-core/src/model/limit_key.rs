use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{RateLimitPolicy, RouteKey};
use crate::grammar::{Invalid, PolicyName, ServiceName};

/// The routes that a rate limit governs.
///
/// ```
/// use waygate_core::model::LimitScope;
///
/// assert_eq!("*".parse::<LimitScope>()?, LimitScope::Global);
/// assert_eq!("service:billing".parse::<LimitScope>()?, LimitScope::Service("billing".parse()?));
/// assert_eq!("GET:/users".parse::<LimitScope>()?, LimitScope::Route("GET:/users".parse()?));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitScope {
    /// Every controlled route: `*`.
    Global,
    /// Every route of one service: `service:billing`.
    Service(ServiceName),
    /// One route, by its key.
    Route(RouteKey),
}

impl fmt::Display for LimitScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("*"),
            Self::Service(service) => write!(f, "service:{service}"),
            Self::Route(key) => key.fmt(f),
        }
    }
}

impl FromStr for LimitScope {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.strip_prefix("service:") {
            _ if text == "*" => Ok(Self::Global),
            // The key of a route has a path.
            Some(service) if !text.contains('/') => service.parse().map(Self::Service),
            _ => text.parse().map(Self::Route),
        }
    }
}

/// The address of a policy, as scope and name: `GET:/search#default`.
///
/// ```
/// # use waygate_core::model::{LimitKey, LimitScope};
/// let key: LimitKey = "service:billing#nightly".parse()?;
/// assert!(matches!(key.scope, LimitScope::Service(_)));
/// assert_eq!(key.to_string(), "service:billing#nightly");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
///
/// ```
/// use waygate_core::model::{LimitKey, LimitScope};
///
/// let key: LimitKey = "GET:/search#default".parse()?;
/// assert_eq!(key, LimitKey::new("GET:/search".parse()?, "default".parse()?));
/// assert!(LimitKey::first_of(LimitScope::Global) < "*#default".parse()?);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct LimitKey {
    /// The routes that it governs.
    pub scope: LimitScope,
    /// The name within the scope.
    pub name: PolicyName,
}

impl LimitKey {
    /// Returns the first key that a policy of this scope can have, in the order of keys.
    pub fn first_of(scope: LimitScope) -> Self {
        Self::new(scope, PolicyName::least())
    }

    /// Creates the address of a policy.
    pub fn new(scope: LimitScope, name: PolicyName) -> Self {
        Self { scope, name }
    }
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.scope, self.name)
    }
}

impl FromStr for LimitKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (scope, name) = text.rsplit_once('#').ok_or_else(|| {
            let problem = "expected `scope#policy`, such as `GET:/search#default`";
            Invalid::new("limit key", text, problem)
        })?;
        Ok(Self::new(scope.parse()?, name.parse()?))
    }
}

impl Serialize for LimitKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LimitKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::text::parsed(deserializer)
    }
}

/// The stored record of a policy that an operator has set. Other declarations are not stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitOverride<P = RateLimitPolicy> {
    /// The policy that applies.
    pub policy: P,
    /// The declaration at the time of the change; `None` without one of that name.
    pub declared: Option<Box<P>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_spelling_for_each_scope() {
        for text in [
            "*#default",
            "service:billing#default",
            "GET:/search#per-minute",
            "billing:GET:/a#b",
            "service:GET:/a#b",
        ] {
            let key: LimitKey = text.parse().unwrap();
            assert_eq!(key.to_string(), text);
        }
        for text in [
            "",
            "default",
            "*",
            "GET:/a#",
            "nope#default",
            "service:GET#x",
        ] {
            assert!(text.parse::<LimitKey>().is_err(), "{text}");
        }
    }
}
