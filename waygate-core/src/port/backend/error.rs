/// A failure of a store.
///
/// ```
/// use waygate_core::port::BackendError;
///
/// let error = BackendError::Unavailable("connection refused".to_owned());
/// assert_eq!(error.problem(), "connection refused");
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The store cannot be reached or does not respond in time.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store is full or read-only.
    #[error("the store takes no writes: {0}")]
    NotWritable(String),
    /// The content is corrupt.
    #[error("the store is corrupt: {0}")]
    Corrupt(String),
    /// The store exists and cannot be read: permissions, or the format of a later version.
    #[error("the store cannot be read: {0}")]
    Unreadable(String),
    /// The configuration is wrong.
    #[error("the store is not configured correctly: {0}")]
    Misconfigured(String),
    /// The batch breaks a rule of every store ([`Batch::check`](super::Batch::check)).
    #[error("the batch is malformed: {0}")]
    InvalidBatch(String),
}

crate::debug_as_message!(BackendError);

impl BackendError {
    /// Returns the problem without the kind of error, since files next to the store have such errors as well.
    pub fn problem(&self) -> &str {
        match self {
            Self::Unavailable(problem)
            | Self::NotWritable(problem)
            | Self::Corrupt(problem)
            | Self::Unreadable(problem)
            | Self::Misconfigured(problem)
            | Self::InvalidBatch(problem) => problem,
        }
    }
}
