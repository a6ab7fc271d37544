use std::fmt;

/// The status of the provider of a client.
///
/// ```
/// use waygate_openfeature::{ProviderStatus, isolated};
///
/// let status = isolated::new().client().provider_status();
/// assert_eq!(status, ProviderStatus::NotReady);
/// assert_eq!(status.as_str(), "NOT_READY");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderStatus {
    /// There is no provider, or it is not initialized. Evaluations return the default.
    NotReady,
    /// Evaluations are reliable.
    Ready,
    /// The flags may be out of date. Evaluations go on.
    Stale,
    /// The provider reports an error. Evaluations go on.
    Error,
    /// The provider has failed for good. Evaluations return the default.
    Fatal,
}

impl ProviderStatus {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::NotReady,
        Self::Ready,
        Self::Stale,
        Self::Error,
        Self::Fatal,
    ];

    /// Returns the word of the specification.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "NOT_READY",
            Self::Ready => "READY",
            Self::Stale => "STALE",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

impl fmt::Display for ProviderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
