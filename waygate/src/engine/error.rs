use waygate_core::{
    Timestamp,
    grammar::Invalid,
    model::{Revision, RouteKey},
    port::{BackendError, CounterError},
    transition::Refused,
};

/// A route key that names no route, or more than one.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The key follows no grammar.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No route is registered under it.
    #[error("no route `{key}` is registered{}", hint(nearest.as_ref(), *is_first))]
    NotRegistered {
        /// The requested key.
        key: String,
        /// The registered key that resembles it most, if one does.
        nearest: Option<RouteKey>,
        /// `true` if no route at all is registered, as before `guard`.
        is_first: bool,
    },
    /// Only stored routes that the code no longer has can be purged.
    #[error(
        "Route '{key}' is not orphaned: only stored routes that the code no longer has can be purged"
    )]
    NotOrphaned {
        /// The requested key.
        key: String,
    },
    /// A bare path with several methods.
    #[error(
        "Route '{key}' is ambiguous — matches: {}. Specify the full method-prefixed key (e.g. GET:/payments).",
        matches.iter().map(RouteKey::as_str).collect::<Vec<_>>().join(", ")
    )]
    Ambiguous {
        /// The requested key.
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
    /// The error of a key that resembles no other.
    pub(super) fn unlike_any(key: &impl ToString) -> Self {
        Self::NotRegistered {
            key: key.to_string(),
            nearest: None,
            is_first: false,
        }
    }
}

/// A change that was not made. Nothing was changed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The key names no route, or more than one.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A value does not follow its grammar, such as a reason, a service or a window.
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
    /// The command makes no sense in the state of the route.
    #[error("{key}: {refused}")]
    Refused {
        /// The route.
        key: RouteKey,
        /// The reason.
        refused: Refused,
    },
    /// The maintenance of all routes, or of a service, would be over already.
    #[error("the time span has already ended: {end} is not after {now}")]
    Ended {
        /// The end of the maintenance.
        end: Timestamp,
        /// The time of the request.
        now: Timestamp,
    },
    /// Another change was faster.
    #[error("`{what}` was changed in the meantime: expected revision {expected}, found {found}")]
    Conflict {
        /// The record that was to be changed.
        what: String,
        /// The number of the revision that the caller expected; 0 for an untouched declaration.
        expected: u64,
        /// The number of its current revision.
        found: u64,
        /// Its current revision. `None` if it does not exist.
        current: Option<Revision>,
    },
    /// The store did not take the change.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The store of the counters failed.
    #[error(transparent)]
    Counters(#[from] CounterError),
}

waygate_core::debug_as_message!(ChangeError);

/// Reads the key of a route.
pub(crate) fn route_key(text: &str) -> Result<RouteKey, ResolveError> {
    Ok(text.parse::<RouteKey>()?)
}

/// An engine that could not be started.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting does not follow its grammar.
    #[error("{setting}: {invalid}")]
    Setting {
        /// The setting, and its source.
        setting: String,
        /// The mistake.
        invalid: Invalid,
    },
    /// The configuration file cannot be read.
    #[error("cannot read {path}: {source}")]
    Config {
        /// The file.
        path: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The file or the store of the counters cannot be set up, or a setting would have no effect, since it belongs to another
    /// backend or needs a feature.
    #[error("{0}")]
    Misconfigured(String),
    /// The backend cannot be set up.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

waygate_core::debug_as_message!(BuildError);

impl BuildError {
    /// An error of a file beside the store.
    #[cfg(feature = "file")]
    pub(super) fn of_file(error: BackendError) -> Self {
        Self::Misconfigured(error.problem().to_owned())
    }
}
