use std::{fmt, sync::Arc};

use waygate_core::flag;

/// The reason of a value, in the words of OpenFeature. Providers may have reasons of their own.
///
/// ```
/// use waygate_openfeature::Reason;
///
/// assert_eq!(Reason::TargetingMatch.as_str(), "TARGETING_MATCH");
/// assert_eq!(Reason::Other("HOLIDAY".into()).to_string(), "HOLIDAY");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The value is the same for all.
    Static,
    /// No rule matched.
    Default,
    /// A rule or a target matched.
    TargetingMatch,
    /// A pseudorandom assignment decided.
    Split,
    /// The value is from a cache of the provider.
    Cached,
    /// The flag is disabled.
    Disabled,
    /// The provider does not know.
    Unknown,
    /// The value may be out of date.
    Stale,
    /// The value is the default of the caller, because of an error.
    Error,
    /// A reason of the provider.
    Other(Arc<str>),
}

impl Reason {
    /// Returns the word of the specification or of the provider.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Static => "STATIC",
            Self::Default => "DEFAULT",
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Split => "SPLIT",
            Self::Cached => "CACHED",
            Self::Disabled => "DISABLED",
            Self::Unknown => "UNKNOWN",
            Self::Stale => "STALE",
            Self::Error => "ERROR",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<flag::Reason> for Reason {
    fn from(reason: flag::Reason) -> Self {
        match reason {
            flag::Reason::Static => Self::Static,
            flag::Reason::Default => Self::Default,
            flag::Reason::TargetingMatch => Self::TargetingMatch,
            flag::Reason::Split => Self::Split,
            flag::Reason::Disabled => Self::Disabled,
            flag::Reason::Error => Self::Error,
            _ => Self::Unknown,
        }
    }
}
