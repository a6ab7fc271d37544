use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a call did not get its answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LinkError {
    /// Not reachable, or not in time.
    #[error("{0}")]
    Unavailable(Arc<str>),
    /// Redis does not do such a thing now: it is out of memory, loading, or a replica.
    #[error("{0}")]
    Refused(Arc<str>),
    /// Redis does not let us: a wrong password, or no permission.
    #[error("{0}")]
    Misconfigured(Arc<str>),
    /// Redis, or who asks, does not understand the other: a mistake in the code.
    #[error("{0}")]
    Misunderstood(Arc<str>),
}

/// What an error says about the connection it came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It works; the error is about the call.
    Sound,
    /// One such error may happen, several in a row may not.
    Doubtful,
    /// It does not take writes, though it answers.
    Refuses,
    /// It is of no use any more.
    Broken,
}

/// Sorts an error, and writes it down without what may be secret.
pub(super) fn judge(error: &RedisError) -> (Verdict, LinkError) {
    let text = |what: &str| -> Arc<str> {
        match error.detail() {
            Some(detail) => format!("{what}: {detail}").into(),
            None => what.into(),
        }
    };
    let code = error.code().unwrap_or_default();
    match error.kind() {
        ErrorKind::AuthenticationFailed => (
            Verdict::Broken,
            LinkError::Misconfigured("Redis does not accept the user and password".into()),
        ),
        ErrorKind::InvalidClientConfig | ErrorKind::EmptySentinelList => (
            Verdict::Broken,
            LinkError::Misconfigured(error.to_string().into()),
        ),
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::BusyLoading) => {
            (Verdict::Broken, LinkError::Refused(text(code)))
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            (Verdict::Refuses, LinkError::Misconfigured(text(code)))
        }
        ErrorKind::Server(
            ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask,
        ) => (Verdict::Doubtful, LinkError::Unavailable(text(code))),
        ErrorKind::Server(_) => (Verdict::Sound, LinkError::Misunderstood(text(code))),
        ErrorKind::Extension => match code {
            "OOM" | "MISCONF" | "NOREPLICAS" => (Verdict::Refuses, LinkError::Refused(text(code))),
            "WRONGPASS" | "NOAUTH" => (
                Verdict::Broken,
                LinkError::Misconfigured(
                    format!("{code}: Redis does not accept the user and password").into(),
                ),
            ),
            "BUSY" => (Verdict::Doubtful, LinkError::Unavailable(text(code))),
            _ => (Verdict::Sound, LinkError::Misunderstood(text(code))),
        },
        _ => (
            Verdict::Broken,
            LinkError::Unavailable(error.to_string().into()),
        ),
    }
}
