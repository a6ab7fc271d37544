//! The names of settings. A misspelled one would have no effect, unnoticed.

use waygate_core::{grammar::Invalid, similar::typing_errors};

use super::setting::HIDDEN;

const PREFIX: &str = "WAYGATE_";

/// The prefix of a variable in a shell.
const EXPORT: &str = "export ";

/// The variables that [`from_env`](crate::Waygate::from_env) reads.
pub(super) const READ: [&str; 8] = [
    "WAYGATE_BACKEND",
    "WAYGATE_BYPASS_LIFECYCLE",
    "WAYGATE_BYPASS_RATE_LIMITS",
    "WAYGATE_COUNTERS_REDIS_URL",
    "WAYGATE_COUNTER_SNAPSHOT",
    "WAYGATE_ENV",
    "WAYGATE_FILE_PATH",
    "WAYGATE_REDIS_URL",
];

/// The variables of the command-line client and of Python applications (wire contract, section 15).
const OF_OTHERS: [&str; 6] = [
    // Of `Credentials::from_env`.
    "WAYGATE_ADMIN_USERS",
    "WAYGATE_ADMIN_USERS_FILE",
    "WAYGATE_CUSTOM_PATH",
    "WAYGATE_SERVER_URL",
    "WAYGATE_SERVICE",
    "WAYGATE_TOKEN",
];

/// The prefix of the variables of Waygate's own tests.
const OF_TESTS: &str = "WAYGATE_TEST_";

/// Returns `true` if a variable of the environment looks like a setting of Waygate.
pub(super) fn is_ours(name: &str) -> bool {
    let prefix = name.get(..PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX)) && !is_service_link(name)
}

/// Returns an error if nothing reads the name.
pub(super) fn check(name: &str) -> Result<(), Invalid> {
    if READ.contains(&name) || OF_OTHERS.contains(&name) || name.starts_with(OF_TESTS) {
        return Ok(());
    }
    let known = READ.join("`, `");
    let problem = match meant(name) {
        Some(meant) => format!("no such setting: did you mean `{meant}`?"),
        None => format!("no such setting: expected one of `{known}`"),
    };
    Err(Invalid::new("setting", shown(name), problem))
}

/// The start of a line that may be a name, perhaps after `export`.
pub(super) fn beginning(line: &str) -> &str {
    let bare = line.strip_prefix(EXPORT).map_or(line, str::trim_start);
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let rest = bare.trim_start_matches(is_of_name);
    &line[..line.len() - rest.len()]
}

/// A name for messages. A text that is neither similar to a setting nor in capitals may be part of a secret.
pub(super) fn shown(name: &str) -> &str {
    let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    match is_ours(name) || name.bytes().all(is_capital) || meant(name).is_some() {
        true => name,
        false => HIDDEN,
    }
}

fn meant(name: &str) -> Option<&'static str> {
    let bare = name.strip_prefix(EXPORT).map_or(name, str::trim);
    // The comparison takes quadratic time.
    let name = Some(bare).filter(|name| name.len() <= 64)?;
    let name = name.to_ascii_uppercase().replace('-', "_");
    let all = READ.iter().chain(&OF_OTHERS);
    let near = all.map(|known| {
        let whole = typing_errors(known, &name);
        // Without the prefix, as in `.environment(..)`.
        let rest = typing_errors(&known[PREFIX.len()..], &name);
        (whole.min(rest), *known)
    });
    let near = near.min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, known)| *distance * 3 <= known.len() - PREFIX.len())
        .or_else(|| {
            // `WAYGATE_ENVIRONMENT`, `WAYGATE_BYPASS`.
            let mut known = READ.iter();
            let begun = known.find(|known| known.starts_with(&name) || name.starts_with(**known));
            begun
                .filter(|_| name.len() > PREFIX.len() + 2)
                .map(|known| (0, *known))
        })
        .map(|(_, known)| known)
}

/// Variables that Kubernetes sets for each service of the namespace, including services called `waygate` or
/// `waygate-redis`: `WAYGATE_SERVICE_HOST`, `WAYGATE_SERVICE_PORT_HTTP`, `WAYGATE_PORT`, `WAYGATE_PORT_80_TCP_ADDR`.
fn is_service_link(name: &str) -> bool {
    let of_port = |(_, rest): (&str, &str)| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let rest = &rest[digits..];
        digits > 0
            && ["_TCP", "_UDP", "_SCTP"]
                .iter()
                .any(|protocol| rest.starts_with(protocol))
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT")
        || name.split_once("_PORT_").is_some_and(of_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str) -> String {
        check(name).unwrap_err().to_string()
    }

    #[test]
    fn known_names_are_taken() {
        for name in READ.iter().chain(&OF_OTHERS).chain(&["WAYGATE_TEST_CHILD"]) {
            assert_eq!(check(name), Ok(()));
        }
    }

    #[test]
    fn other_names_are_refused_with_a_suggestion() {
        for (name, meant) in [
            ("WAYGATE_BYPAS_LIFECYCLE", "WAYGATE_BYPASS_LIFECYCLE"),
            ("WAYGATE_BYPASS_RATELIMITS", "WAYGATE_BYPASS_RATE_LIMITS"),
            ("WAYGATE_BACKND", "WAYGATE_BACKEND"),
            ("waygate_env", "WAYGATE_ENV"),
            ("WAYGATE_ENVIRONMENT", "WAYGATE_ENV"),
            ("WAYGATE_FILEPATH", "WAYGATE_FILE_PATH"),
            ("WAYGATE-REDIS-URL", "WAYGATE_REDIS_URL"),
            ("WAYGATE_SERVER_ULR", "WAYGATE_SERVER_URL"),
            ("WAGATE_ENV", "WAYGATE_ENV"),
            ("export WAYGATE_ENV", "WAYGATE_ENV"),
            ("BACKEND", "WAYGATE_BACKEND"),
        ] {
            let expected =
                format!("invalid setting `{name}`: no such setting: did you mean `{meant}`?");
            assert_eq!(problem(name), expected);
        }
        for name in [
            "WAYGATE_",
            "WAYGATE_COLOUR",
            "WAYGATE_FULL",
            "PATH",
            &"X".repeat(100_000),
        ] {
            let problem = problem(name);
            assert!(
                problem.contains("expected one of `WAYGATE_BACKEND`"),
                "{problem}"
            );
        }
    }

    #[test]
    fn service_links_are_no_settings() {
        for name in [
            "WAYGATE_SERVICE_HOST",
            "WAYGATE_SERVICE_PORT",
            "WAYGATE_SERVICE_PORT_HTTP",
            "WAYGATE_PORT",
            "WAYGATE_PORT_6379_TCP",
            "WAYGATE_REDIS_PORT_6379_TCP_ADDR",
            "PATH",
            "WAYGATER",
        ] {
            assert!(!is_ours(name), "{name}");
        }
        for name in [
            "WAYGATE_PORT_X",
            "WAYGATE_ENV",
            "Waygate_Env",
            "WAYGATE_SERVICE",
        ] {
            assert!(is_ours(name), "{name}");
        }
    }
}
