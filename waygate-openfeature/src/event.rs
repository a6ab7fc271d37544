use std::{fmt, sync::Arc};

use crate::{error::ErrorCode, metadata::FlagMetadata, status::ProviderStatus};

/// The kind of an event of a provider.
///
/// ```
/// use waygate_openfeature::ProviderEvent;
///
/// assert_eq!(ProviderEvent::Stale.as_str(), "PROVIDER_STALE");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderEvent {
    /// The provider can evaluate flags.
    Ready,
    /// The provider has failed; with [`ErrorCode::ProviderFatal`], for good.
    Error,
    /// Flags have changed.
    ConfigurationChanged,
    /// The flags of the provider may be out of date.
    Stale,
}

impl ProviderEvent {
    /// Returns the word of the specification.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "PROVIDER_READY",
            Self::Error => "PROVIDER_ERROR",
            Self::ConfigurationChanged => "PROVIDER_CONFIGURATION_CHANGED",
            Self::Stale => "PROVIDER_STALE",
        }
    }

    /// Returns whether a provider in this status has emitted the event.
    pub(crate) fn holds_in(self, status: ProviderStatus) -> bool {
        match self {
            Self::Ready => status == ProviderStatus::Ready,
            Self::Error => matches!(status, ProviderStatus::Error | ProviderStatus::Fatal),
            Self::Stale => status == ProviderStatus::Stale,
            Self::ConfigurationChanged => false,
        }
    }
}

impl fmt::Display for ProviderEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event as a provider emits it.
///
/// ```
/// use waygate_openfeature::{ErrorCode, ProviderEvent, ProviderEventDetails};
///
/// let lost = ProviderEventDetails::new(ProviderEvent::Error)
///     .message("the connection was lost")
///     .error_code(ErrorCode::General);
/// let changed = ProviderEventDetails::new(ProviderEvent::ConfigurationChanged).flags_changed(["new-checkout"]);
/// # let facts = waygate_openfeature::FlagMetadata::default();
/// let changed = changed.metadata(facts);
/// # drop((lost, changed));
/// ```
#[derive(Debug, Clone)]
pub struct ProviderEventDetails {
    event: ProviderEvent,
    flags_changed: Vec<String>,
    message: Option<String>,
    error_code: Option<ErrorCode>,
    metadata: FlagMetadata,
}

impl ProviderEventDetails {
    /// Creates an event without further facts.
    pub fn new(event: ProviderEvent) -> Self {
        Self {
            event,
            flags_changed: Vec::new(),
            message: None,
            error_code: None,
            metadata: FlagMetadata::default(),
        }
    }

    /// Sets the keys of the flags that have changed.
    #[must_use]
    pub fn flags_changed(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.flags_changed = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the message for people.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets the code of an error.
    #[must_use]
    pub fn error_code(mut self, code: ErrorCode) -> Self {
        self.error_code = Some(code);
        self
    }

    /// Sets further facts.
    #[must_use]
    pub fn metadata(mut self, metadata: FlagMetadata) -> Self {
        self.metadata = metadata;
        self
    }

    pub(crate) fn of(self, provider_name: Arc<str>) -> EventDetails {
        EventDetails {
            provider_name,
            event: self.event,
            flags_changed: self.flags_changed,
            message: self.message,
            error_code: self.error_code,
            metadata: self.metadata,
        }
    }
}

/// An event as handlers get it.
///
/// ```
/// use waygate_openfeature::{ProviderEvent, isolated};
///
/// let api = isolated::new();
/// api.on(ProviderEvent::Error, |event| {
///     let message = event.message.as_deref().unwrap_or_default();
///     println!("{} of {}: {message}", event.event, event.provider_name);
/// });
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EventDetails {
    /// The name of the provider.
    pub provider_name: Arc<str>,
    /// The kind.
    pub event: ProviderEvent,
    /// The keys of the flags that have changed; empty if the provider does not know them.
    pub flags_changed: Vec<String>,
    /// The text for people.
    pub message: Option<String>,
    /// The code of an error.
    pub error_code: Option<ErrorCode>,
    /// Further facts.
    pub metadata: FlagMetadata,
}

impl EventDetails {
    /// Returns the status that the event leads to.
    pub(crate) fn status(&self) -> Option<ProviderStatus> {
        match self.event {
            ProviderEvent::Ready => Some(ProviderStatus::Ready),
            ProviderEvent::Stale => Some(ProviderStatus::Stale),
            ProviderEvent::Error if self.error_code == Some(ErrorCode::ProviderFatal) => {
                Some(ProviderStatus::Fatal)
            }
            ProviderEvent::Error => Some(ProviderStatus::Error),
            ProviderEvent::ConfigurationChanged => None,
        }
    }
}
