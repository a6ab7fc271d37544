use std::{any::Any, borrow::Cow, fmt};

use waygate_core::flag;

/// The code of an error, in the words of OpenFeature.
///
/// ```
/// use waygate_openfeature::ErrorCode;
///
/// assert_eq!(ErrorCode::FlagNotFound.as_str(), "FLAG_NOT_FOUND");
/// assert_eq!(ErrorCode::from(waygate_core::flag::ErrorCode::General), ErrorCode::General);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The provider is not initialized, or none is set.
    ProviderNotReady,
    /// The provider has failed for good.
    ProviderFatal,
    /// No flag has this key.
    FlagNotFound,
    /// The provider cannot read the definition of the flag.
    ParseError,
    /// The value is not of the requested type.
    TypeMismatch,
    /// The flag needs a targeting key, and the context has none.
    TargetingKeyMissing,
    /// The provider cannot use the context.
    InvalidContext,
    /// Any other error, a panic included.
    General,
}

impl ErrorCode {
    /// Returns the word of the specification.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProviderNotReady => "PROVIDER_NOT_READY",
            Self::ProviderFatal => "PROVIDER_FATAL",
            Self::FlagNotFound => "FLAG_NOT_FOUND",
            Self::ParseError => "PARSE_ERROR",
            Self::TypeMismatch => "TYPE_MISMATCH",
            Self::TargetingKeyMissing => "TARGETING_KEY_MISSING",
            Self::InvalidContext => "INVALID_CONTEXT",
            Self::General => "GENERAL",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<flag::ErrorCode> for ErrorCode {
    fn from(code: flag::ErrorCode) -> Self {
        match code {
            flag::ErrorCode::FlagNotFound => Self::FlagNotFound,
            flag::ErrorCode::ParseError => Self::ParseError,
            flag::ErrorCode::TypeMismatch => Self::TypeMismatch,
            flag::ErrorCode::TargetingKeyMissing => Self::TargetingKeyMissing,
            flag::ErrorCode::InvalidContext => Self::InvalidContext,
            _ => Self::General,
        }
    }
}

/// The error of a provider or a hook: a code, and a message for people.
///
/// ```
/// use waygate_openfeature::{ErrorCode, EvaluationError};
///
/// let error = EvaluationError::new(ErrorCode::ParseError).with_message("line 3 has no value");
/// assert_eq!(error.to_string(), "PARSE_ERROR: line 3 has no value");
/// assert_eq!(EvaluationError::general("no memory").code(), ErrorCode::General);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationError {
    code: ErrorCode,
    message: Option<Cow<'static, str>>,
}

impl EvaluationError {
    /// Creates an error without a message.
    pub const fn new(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
        }
    }

    /// Creates an error with the code `GENERAL`.
    pub fn general(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::General).with_message(message)
    }

    /// Sets the message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    pub(crate) const fn constant(code: ErrorCode, message: &'static str) -> Self {
        Self {
            code,
            message: Some(Cow::Borrowed(message)),
        }
    }

    /// The error for a panic, with its text.
    pub(crate) fn panicked(culprit: &str, payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::general(match text {
            Some(text) => format!("{culprit} panicked: {text}"),
            None => format!("{culprit} panicked"),
        })
    }

    /// Returns the code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Returns the message.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    pub(crate) fn into_parts(self) -> (ErrorCode, Option<Cow<'static, str>>) {
        (self.code, self.message)
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.code),
            None => fmt::Display::fmt(&self.code, f),
        }
    }
}

impl std::error::Error for EvaluationError {}

impl From<flag::ErrorCode> for EvaluationError {
    fn from(code: flag::ErrorCode) -> Self {
        Self::new(code.into())
    }
}
