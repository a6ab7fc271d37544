use std::time::Duration;

use waygate_core::port::BackendError;

/// The maximum time that a change or a refresh waits for the store.
pub(crate) const STORE_DEADLINE: Duration = Duration::from_secs(10);

/// Runs a call to the store with a deadline.
pub(crate) async fn in_time<T>(
    call: impl Future<Output = Result<T, BackendError>>,
) -> Result<T, BackendError> {
    match tokio::time::timeout(STORE_DEADLINE, call).await {
        Ok(outcome) => outcome,
        Err(_) => Err(BackendError::Unavailable(format!(
            "no answer within {} seconds",
            STORE_DEADLINE.as_secs()
        ))),
    }
}
