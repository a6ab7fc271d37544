use std::sync::Arc;

use super::default_value::DefaultValue;
use crate::{
    details::EvaluationDetails,
    error::{ErrorCode, EvaluationError},
    provider::{FlagRequest, Resolution},
    registered::Registered,
    status::ProviderStatus,
    task::caught,
};

const NOT_SET: EvaluationError = EvaluationError::constant(
    ErrorCode::ProviderNotReady,
    "no provider is set for this client",
);
const NOT_READY: EvaluationError = EvaluationError::constant(
    ErrorCode::ProviderNotReady,
    "the provider is not initialized",
);
const FATAL: EvaluationError =
    EvaluationError::constant(ErrorCode::ProviderFatal, "the provider has failed for good");

/// Asks the provider, if it is fit.
pub(super) fn resolve<D: DefaultValue>(
    registered: Option<&Arc<Registered>>,
    default: D,
    request: &FlagRequest<'_>,
) -> Result<Resolution<D::Value>, EvaluationError> {
    let registered = registered.ok_or(NOT_SET)?;
    match registered.status() {
        ProviderStatus::NotReady => Err(NOT_READY),
        ProviderStatus::Fatal => Err(FATAL),
        ProviderStatus::Ready | ProviderStatus::Stale | ProviderStatus::Error => {
            let call = || default.resolve(&*registered.provider, request);
            caught("the provider", call)?
        }
    }
}

pub(super) fn details<T>(key: &str, resolution: Resolution<T>) -> EvaluationDetails<'_, T> {
    EvaluationDetails {
        flag_key: key,
        value: resolution.value,
        variant: resolution.variant,
        reason: resolution.reason,
        error_code: None,
        error_message: None,
        flag_metadata: resolution.metadata,
    }
}
