use std::{borrow::Cow, sync::Arc};

use crate::{
    error::{ErrorCode, EvaluationError},
    metadata::FlagMetadata,
    reason::Reason,
};

/// The result of an evaluation: the value, and how it came about. Only the client makes one.
///
/// ```
/// use waygate_openfeature::{ErrorCode, Reason, isolated};
///
/// let details = isolated::new().client().bool_details("new-checkout", false, None);
/// assert_eq!((details.flag_key, details.value), ("new-checkout", false));
/// assert_eq!(details.reason, Some(Reason::Error));
/// assert_eq!(details.error_code, Some(ErrorCode::ProviderNotReady));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EvaluationDetails<'k, T> {
    /// The key of the flag, as the caller gave it.
    pub flag_key: &'k str,
    /// The value of the provider, or the default of the caller after an error.
    pub value: T,
    /// The name of the value, if the provider has one.
    pub variant: Option<Arc<str>>,
    /// The reason, if the provider has one.
    pub reason: Option<Reason>,
    /// The code of the error.
    pub error_code: Option<ErrorCode>,
    /// The error in words.
    pub error_message: Option<Cow<'static, str>>,
    /// The facts of the provider about the flag.
    pub flag_metadata: FlagMetadata,
}

impl<'k, T> EvaluationDetails<'k, T> {
    pub(crate) fn failed(flag_key: &'k str, default: T, error: EvaluationError) -> Self {
        let (code, message) = error.into_parts();
        Self {
            flag_key,
            value: default,
            variant: None,
            reason: Some(Reason::Error),
            error_code: Some(code),
            error_message: message,
            flag_metadata: FlagMetadata::default(),
        }
    }

    /// Replaces the value.
    pub(crate) fn map<'s, U>(&'s self, view: impl FnOnce(&'s T) -> U) -> EvaluationDetails<'k, U> {
        EvaluationDetails {
            flag_key: self.flag_key,
            value: view(&self.value),
            variant: self.variant.clone(),
            reason: self.reason.clone(),
            error_code: self.error_code,
            error_message: self.error_message.clone(),
            flag_metadata: self.flag_metadata.clone(),
        }
    }
}
