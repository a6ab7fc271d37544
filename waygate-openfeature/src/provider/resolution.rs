use std::sync::Arc;

use crate::{metadata::FlagMetadata, reason::Reason};

/// The result of a provider (OpenFeature: resolution details).
///
/// ```
/// use waygate_openfeature::{FlagMetadata, Reason, Resolution};
///
/// let metadata: FlagMetadata = [("version", 7.into())].into_iter().collect();
/// let resolution = Resolution::new(true).variant("on").reason(Reason::Static).metadata(metadata);
/// # drop(resolution);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution<T> {
    pub(crate) value: T,
    pub(crate) variant: Option<Arc<str>>,
    pub(crate) reason: Option<Reason>,
    pub(crate) metadata: FlagMetadata,
}

impl<T> Resolution<T> {
    /// Creates a result without details.
    pub fn new(value: T) -> Self {
        Self {
            value,
            variant: None,
            reason: None,
            metadata: FlagMetadata::default(),
        }
    }

    /// Sets the name of the value.
    #[must_use]
    pub fn variant(mut self, variant: impl Into<Arc<str>>) -> Self {
        self.variant = Some(variant.into());
        self
    }

    /// Sets the reason.
    #[must_use]
    pub fn reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Sets the facts about the flag.
    #[must_use]
    pub fn metadata(mut self, metadata: FlagMetadata) -> Self {
        self.metadata = metadata;
        self
    }
}
