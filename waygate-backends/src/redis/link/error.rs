use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

/// The reason why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LinkError {
    /// Unreachable, or too late.
    #[error("{0}")]
    Unavailable(Arc<str>),
    /// Redis refuses commands temporarily: it is out of memory, loading, or a replica.
    #[error("{0}")]
    Refused(Arc<str>),
    /// Redis denies access: a wrong password, or no permission.
    #[error("{0}")]
    Misconfigured(Arc<str>),
    /// The reply is unexpected, because of a bug.
    #[error("{0}")]
    Misunderstood(Arc<str>),
}

/// The state of a connection after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The connection works; the error concerns the call.
    Sound,
    /// The error is acceptable once, but not several times in a row.
    Doubtful,
    /// The connection replies but refuses writes.
    Refuses,
    /// The connection must be replaced.
    Broken,
}

/// Before version 7, Redis wraps an error that stops a script into an error of the script. It still does so for denials
/// by its ACL.
fn in_script(detail: &str, text: Arc<str>) -> (Verdict, LinkError) {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| detail.contains(phrase));
    if says(&[
        "-NOPERM",
        "ACL failure in script",
        "can't run this command",
        "can't access",
    ]) {
        (Verdict::Refuses, LinkError::Misconfigured(text))
    } else if says(&["-READONLY", "-LOADING"]) {
        (Verdict::Broken, LinkError::Refused(text))
    } else if says(&["-OOM", "-MISCONF", "-NOREPLICAS"]) {
        (Verdict::Refuses, LinkError::Refused(text))
    } else {
        (Verdict::Sound, LinkError::Misunderstood(text))
    }
}

/// Classifies an error, and formats it without secrets.
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
        ErrorKind::Server(_) => in_script(error.detail().unwrap_or_default(), text(code)),
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

/// Parses an error that a script caught and returned as its reply.
pub(super) fn written(text: &str) -> RedisError {
    let text = text.trim_start_matches('-');
    let code = text.split(' ').next().unwrap_or_default();
    // Errors of scripts themselves, and of old versions, have none.
    let has_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let code = if has_code { "" } else { "ERR " };
    let line = format!("-{code}{}\r\n", text.replace(['\r', '\n'], " "));
    match redis::parse_redis_value(line.as_bytes()) {
        Ok(Value::ServerError(error)) => error.into(),
        Ok(_) => (ErrorKind::UnexpectedReturnType, "not an error of a script").into(),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, RedisError, ServerErrorKind};

    use super::{LinkError, Verdict, judge, written};

    fn judged(detail: &str) -> (Verdict, LinkError) {
        judge(&RedisError::from((
            ErrorKind::Server(ServerErrorKind::ResponseError),
            "An error was signalled by the server",
            detail.to_owned(),
        )))
    }

    #[test]
    fn errors_are_found_inside_script_errors() {
        let old = |error: &str| {
            judged(&format!(
                "Error running script (call to f_0123): @user_script:1: @user_script: 1: -{error}"
            ))
        };
        for (error, verdict) in [
            (
                "READONLY You can't write against a read only replica.",
                Verdict::Broken,
            ),
            (
                "LOADING Redis is loading the dataset in memory",
                Verdict::Broken,
            ),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                Verdict::Refuses,
            ),
            (
                "MISCONF Redis is configured to save RDB snapshots",
                Verdict::Refuses,
            ),
        ] {
            let judged = old(error);
            assert_eq!(judged.0, verdict, "{error}");
            assert!(matches!(judged.1, LinkError::Refused(_)), "{judged:?}");
        }
        for judged in [
            old("NOPERM this user has no permissions to run the 'time' command"),
            judged("The user executing the script can't run this command or subcommand script"),
            judged("The user executing the script can't access at least one of the keys"),
            judged("ACL failure in script: User ada has no permissions to run the 'time' command"),
        ] {
            assert_eq!(judged.0, Verdict::Refuses);
            assert!(
                matches!(judged.1, LinkError::Misconfigured(_)),
                "{judged:?}"
            );
        }
        let mistake = old("ERR wrong number of arguments");
        assert_eq!(mistake.0, Verdict::Sound);
        assert!(
            matches!(mistake.1, LinkError::Misunderstood(_)),
            "{mistake:?}"
        );
    }

    #[test]
    fn caught_errors_are_judged_like_raw_ones() {
        for (text, verdict) in [
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                Verdict::Refuses,
            ),
            (
                "-READONLY You can't write against a read only replica.",
                Verdict::Broken,
            ),
            (
                "NOPERM this user has no permissions to run the 'time' command",
                Verdict::Refuses,
            ),
            (
                "@user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.",
                Verdict::Refuses,
            ),
            (
                "ERR ACL failure in script: User ada has no permissions to run the 'time' command",
                Verdict::Refuses,
            ),
            (
                "The user executing the script can't run this command or subcommand script",
                Verdict::Refuses,
            ),
            (
                "WRONGTYPE Operation against a key holding the wrong kind of value",
                Verdict::Sound,
            ),
            ("user_script:7: attempt to compare\r\n nil", Verdict::Sound),
        ] {
            assert_eq!(judge(&written(text)).0, verdict, "{text}");
        }
        let (_, error) = judge(&written("WRONGTYPE Operation against a key"));
        assert_eq!(error.to_string(), "WRONGTYPE: Operation against a key");
    }
}
