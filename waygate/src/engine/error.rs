use waygate_core::{
    Timestamp,
    grammar::Invalid,
    model::RouteKey,
    port::{BackendError, CounterError, Expected},
    transition::Refused,
};

/// A route key that means no route, or more than one.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The key follows no grammar.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Nothing is registered under it.
    #[error("no route `{key}` is registered{}", hint(nearest.as_ref(), *is_first))]
    NotRegistered {
        /// The key that was asked for.
        key: String,
        /// The registered key that is most like it, if one is.
        nearest: Option<RouteKey>,
        /// Whether no route at all is registered, as before `guard`.
        is_first: bool,
    },
    /// Only stored routes that the code no longer has can be purged.
    #[error(
        "Route '{key}' is not orphaned: only stored routes that the code no longer has can be purged"
    )]
    NotOrphaned {
        /// The key that was asked for.
        key: String,
    },
    /// A bare path with several methods.
    #[error(
        "Route '{key}' is ambiguous — matches: {}. Specify the full method-prefixed key (e.g. GET:/payments).",
        matches.iter().map(RouteKey::as_str).collect::<Vec<_>>().join(", ")
    )]
    Ambiguous {
        /// The key that was asked for.
        key: String,
        /// The keys it could mean.
        matches: Vec<RouteKey>,
    },
}

waygate_core::debug_as_message!(ResolveError);

fn hint(nearest: Option<&RouteKey>, is_first: bool) -> String {
    match nearest {
        Some(key) => format!(": did you mean `{key}`?"),
        None if is_first => {
            ", nor any other: call `guard`, or `register_all`, before the first change".to_owned()
        }
        None => String::new(),
    }
}

impl ResolveError {
    /// Of a key like which there is none.
    pub(super) fn unlike_any(key: &impl ToString) -> Self {
        Self::NotRegistered {
            key: key.to_string(),
            nearest: None,
            is_first: false,
        }
    }
}

/// A change that was not made. Nothing is different from before.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The key means no route, or more than one.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A value that was given does not follow its grammar, such as a reason, a service or a window.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The route is declared `#[force_active]`.
    #[error(
        "route `{key}` is declared `#[force_active]`, so its state cannot be changed: remove the attribute first"
    )]
    Protected {
        /// The route.
        key: RouteKey,
    },
    /// The command makes no sense for the state the route is in.
    #[error("{key}: {refused}")]
    Refused {
        /// The route.
        key: RouteKey,
        /// Why.
        refused: Refused,
    },
    /// The maintenance of everything, or of a service, would be over already.
    #[error("the time span has already ended: {end} is not after {now}")]
    Ended {
        /// When it would have ended.
        end: Timestamp,
        /// When it was asked for.
        now: Timestamp,
    },
    /// Somebody else changed it first.
    #[error("`{what}` was changed in the meantime: expected revision {expected}, found {found}")]
    Conflict {
        /// What was to be changed.
        what: String,
        /// The revision that the caller had seen; 0 for an untouched declaration.
        expected: u64,
        /// The revision it has now.
        found: u64,
    },
    /// The store did not take the change.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The store of the counters did not do what it was asked.
    #[error(transparent)]
    Counters(#[from] CounterError),
}

waygate_core::debug_as_message!(ChangeError);

/// Reads the key of a route.
pub(crate) fn route_key(text: &str) -> Result<RouteKey, ResolveError> {
    Ok(text.parse::<RouteKey>()?)
}

pub(crate) fn number(expected: Expected) -> u64 {
    match expected {
        Expected::Absent => 0,
        Expected::Revision(number) => number,
    }
}

/// An engine that could not be started.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting does not follow its grammar.
    #[error("{setting}: {invalid}")]
    Setting {
        /// Which setting, and where it came from.
        setting: String,
        /// What is wrong with it.
        invalid: Invalid,
    },
    /// The configuration file cannot be read.
    #[error("cannot read {path}: {source}")]
    Config {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Something beside the backend cannot be set up: a file of the counters, or a store of counters. Or a setting would
    /// set nothing, since it belongs to another backend or needs a feature.
    #[error("{0}")]
    Misconfigured(String),
    /// The backend that was asked for cannot be set up.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

waygate_core::debug_as_message!(BuildError);

impl BuildError {
    /// A file beside the store has such errors as well.
    #[cfg(feature = "file")]
    pub(super) fn of_file(error: BackendError) -> Self {
        Self::Misconfigured(error.problem().to_owned())
    }
}
