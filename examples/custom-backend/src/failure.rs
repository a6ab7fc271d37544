use std::fmt::Display;

use rusqlite::ErrorCode;
use tokio::task;
use waygate_core::port::{BackendError, CommitError};

/// Converts errors of SQLite to those of the port.
///
/// A local type, because neither side of the conversion belongs to this crate.
#[derive(Debug)]
pub(crate) struct Failure(BackendError);

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let message = error.to_string();
        Self(match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::ReadOnly) => BackendError::NotWritable(message),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                BackendError::Corrupt(message)
            }
            _ => BackendError::Unavailable(message),
        })
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self(error)
    }
}

impl From<Failure> for BackendError {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<Failure> for CommitError {
    fn from(failure: Failure) -> Self {
        failure.0.into()
    }
}

pub(crate) fn corrupt(error: impl Display) -> Failure {
    Failure(BackendError::Corrupt(error.to_string()))
}

pub(crate) fn interrupted(error: task::JoinError) -> BackendError {
    BackendError::Unavailable(error.to_string())
}
