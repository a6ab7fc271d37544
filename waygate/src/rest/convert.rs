//! Conversions from errors of the engine, the grammars and the stores to problems.

use waygate_core::{
    Printable,
    grammar::Invalid,
    model::RouteKey,
    port::{BackendError, CommitError},
    transition::Refused,
};

use super::problem::{Problem, ProblemKind};
#[cfg(feature = "webhooks")]
use crate::engine::WebhookError;
use crate::{ChangeError, ResolveError, engine::RevertError, openapi::InvalidTags};

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::new(ProblemKind::InvalidValue, invalid.to_string())
    }
}

impl From<InvalidTags> for Problem {
    fn from(invalid: InvalidTags) -> Self {
        Self::new(ProblemKind::InvalidValue, invalid.to_string())
    }
}

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        let text = error.to_string();
        match error {
            ResolveError::Invalid(_) => Self::new(ProblemKind::InvalidPath, text),
            // The wording of the contract.
            ResolveError::NotRegistered { key, .. } => Self::new(
                ProblemKind::NotFound,
                format!(
                    "Route '{key}' is not registered. Use 'waygate status' to see all registered routes."
                ),
            )
            .detail(text),
            ResolveError::NotOrphaned { .. } => Self::new(ProblemKind::Conflict, text),
            ResolveError::Ambiguous { matches, .. } => {
                Self::ambiguous(text, matches.iter().map(RouteKey::to_string).collect())
            }
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let text = error.to_string();
        match error {
            ChangeError::Resolve(error) => error.into(),
            ChangeError::Invalid(invalid) => invalid.into(),
            #[cfg(feature = "flags")]
            ChangeError::Flag(error) => error.into(),
            #[cfg(feature = "webhooks")]
            ChangeError::Webhook(error) => {
                let kind = match error {
                    WebhookError::Unknown(_) | WebhookError::NoSuchEvent(_) => ProblemKind::NotFound,
                    WebhookError::Exists(_)
                    | WebhookError::Conflict(_)
                    | WebhookError::Declared(_)
                    | WebhookError::NoService(_)
                    | WebhookError::DeclaredElsewhere { .. }
                    | WebhookError::TooMany(_) => ProblemKind::Conflict,
                    WebhookError::NoSecret(_) => ProblemKind::Internal,
                };
                Self::new(kind, text)
            }
            ChangeError::NoSuchLimit { key, nearest } => {
                let hint = match nearest {
                    Some(near) if near.scope == key.scope => {
                        format!(": did you mean `{}`?", near.name)
                    }
                    Some(near) => format!(": did you mean `{near}`?"),
                    None => ".".to_owned(),
                };
                Self::new(ProblemKind::NotFound, format!("There is no policy `{key}`{hint}"))
            }
            // The wording of the contract, which has decorators instead of attributes.
            ChangeError::Protected { key } => Self::new(
                ProblemKind::ProtectedRoute,
                format!(
                    "Route '{key}' is decorated with @force_active and cannot have its state changed. Remove the \
                     decorator first if you need to control this route's lifecycle."
                ),
            )
            .detail(text),
            ChangeError::Refused {
                refused: Refused::NoSuchWindow(_),
                ..
            }
            | ChangeError::MaintenanceRefused {
                refused: Refused::NoSuchWindow(_),
                ..
            } => Self::new(ProblemKind::NotFound, text),
            // Not 409, which clients of the contract interpret as a protected or an ambiguous route.
            ChangeError::Refused { .. }
            | ChangeError::MaintenanceRefused { .. }
            | ChangeError::Ended { .. } => {
                Self::new(ProblemKind::InvalidValue, text)
            }
            ChangeError::Conflict { current, .. } => Self::precondition_failed(current),
            ChangeError::Revert(error) => {
                let kind = match error {
                    RevertError::NoEntry(_) => ProblemKind::NotFound,
                    _ => ProblemKind::Conflict,
                };
                Self::new(kind, text)
            }
            ChangeError::NotStaged { .. } => Self::new(ProblemKind::InvalidQuery, text),
            ChangeError::Contended { .. } => {
                Self::new(ProblemKind::Unavailable, text).retry_after(1)
            }
            ChangeError::Backend(error) => error.into(),
            ChangeError::Counters(_) => {
                Self::of_store(ProblemKind::Unavailable, &text).retry_after(RETRY_AFTER)
            }
        }
    }
}

/// Seconds after which to retry when the store fails.
const RETRY_AFTER: u64 = 5;

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        let text = error.to_string();
        match error {
            BackendError::NotWritable(_) => Self::of_store(ProblemKind::NoRoom, &text),
            BackendError::InvalidBatch(_) => {
                tracing::error!(error = %Printable(&text), "the admin API wrote a malformed batch");
                Self::new(ProblemKind::Internal, "Internal Server Error")
            }
            _ => Self::of_store(ProblemKind::Unavailable, &text).retry_after(RETRY_AFTER),
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Backend(error) => error.into(),
            other => Self::of_store(ProblemKind::Unavailable, &other.to_string())
                .retry_after(RETRY_AFTER),
        }
    }
}
