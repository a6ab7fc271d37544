use waygate_core::{
    Timestamp,
    grammar::Invalid,
    model::{LimitKey, Revision, RouteKey},
    port::{BackendError, CounterError},
    transition::Refused,
};

#[cfg(feature = "flags")]
use super::flags::FlagError;

/// A route key that matches no route, or several.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, ResolveError};
/// # use waygate::model::RouteState;
///
/// let waygate = Waygate::builder().build().await?;
/// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// let error = waygate.route("GET:/payment").unwrap_err();
/// assert!(matches!(error, ResolveError::NotRegistered { nearest: Some(_), .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The key is malformed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No route is registered under the key.
    #[error("no route `{key}` is registered{}", hint(nearest.as_ref(), *is_first))]
    NotRegistered {
        /// The requested key.
        key: String,
        /// The most similar registered key, if there is one.
        nearest: Option<RouteKey>,
        /// `true` if no route is registered at all, as before `guard`.
        is_first: bool,
    },
    /// Only stored routes that no longer exist in the code can be purged.
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
        /// The matching keys.
        matches: Vec<RouteKey>,
    },
}

waygate_core::debug_as_message!(ResolveError);

fn hint(nearest: Option<&RouteKey>, is_first: bool) -> String {
    match nearest {
        Some(key) => format!(": did you mean `{key}`?"),
        None if is_first => {
            ", and no other route either: call `guard` or `register_all` before the first change"
                .to_owned()
        }
        None => String::new(),
    }
}

impl ResolveError {
    /// Creates the error for a key, with the most similar known key.
    pub(super) fn not_registered(key: &RouteKey, nearest: Option<&RouteKey>) -> Self {
        Self::NotRegistered {
            key: key.to_string(),
            nearest: nearest.cloned(),
            is_first: false,
        }
    }
}

/// The hint in the error for a limit that does not exist.
fn limit_hint(nearest: Option<&LimitKey>) -> String {
    nearest.map_or_else(String::new, |key| format!(": did you mean `{key}`?"))
}

/// A change that failed. The state is unchanged.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, ChangeError};
/// # use waygate::model::RouteState;
///
/// let waygate = Waygate::builder().build().await?;
/// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// let late = waygate.system().if_revision(7).disable("GET:/payments", "incident 12").await;
/// assert!(matches!(late, Err(ChangeError::Conflict { expected: 7, found: 0, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The key matches no route, or several.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A command names a limit that does not exist.
    #[error("there is no limit `{key}`{}", limit_hint(nearest.as_ref()))]
    NoSuchLimit {
        /// The requested key.
        key: LimitKey,
        /// The key of a limit with a similar name, if there is one.
        nearest: Option<LimitKey>,
    },
    /// A flag or a segment does not exist, exists already, or would have mistakes.
    #[cfg(feature = "flags")]
    #[error(transparent)]
    Flag(#[from] FlagError),
    /// A webhook does not exist, exists already, or cannot be changed.
    #[cfg(feature = "webhooks")]
    #[error(transparent)]
    Webhook(#[from] super::webhooks::WebhookError),
    /// A value is malformed, such as a reason, a service or a window.
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
    /// The command is not possible in the route's current state.
    #[error("{key}: {refused}")]
    Refused {
        /// The route.
        key: RouteKey,
        /// The reason.
        refused: Refused,
    },
    /// The command is not possible for the current maintenance of all routes, or of a service.
    #[error("{maintenance}: {refused}")]
    MaintenanceRefused {
        /// The maintenance.
        maintenance: String,
        /// The reason.
        refused: Refused,
    },
    /// The end of the global or service maintenance is in the past.
    #[error("the time span has already ended: {end} is not after {now}")]
    Ended {
        /// The requested end.
        end: Timestamp,
        /// The current time.
        now: Timestamp,
    },
    /// Another client changed it first.
    #[error("`{what}` was changed in the meantime: expected revision {expected}, found {found}")]
    Conflict {
        /// The subject of the change.
        what: String,
        /// The revision that the caller expected; 0 for an unchanged declaration.
        expected: u64,
        /// The current revision.
        found: u64,
        /// Its current revision. `None` if it does not exist.
        current: Option<Revision>,
    },
    /// Other clients kept changing it: every attempt lost a race. The change may be repeated.
    #[error(
        "`{what}` is being changed by others; every attempt was overtaken, so repeat the change"
    )]
    Contended {
        /// The subject of the change.
        what: String,
    },
    /// The change has an effect besides its commit, such as on counters in memory, or its batch is over.
    #[error("`{what}` can neither be planned nor be part of a batch: {problem}")]
    NotStaged {
        /// The subject of the change.
        what: String,
        /// Why not.
        problem: &'static str,
    },
    /// An entry of the audit log that cannot be reverted.
    #[error(transparent)]
    Revert(#[from] super::revert_error::RevertError),
    /// The store did not accept the change.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The counter store failed.
    #[error(transparent)]
    Counters(#[from] CounterError),
}

waygate_core::debug_as_message!(ChangeError);

/// Parses the key of a route.
pub(crate) fn route_key(text: &str) -> Result<RouteKey, ResolveError> {
    Ok(text.parse::<RouteKey>()?)
}

/// An engine that could not be started.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{BuildError, Waygate};
///
/// let error = Waygate::builder().environment("no such name!").build().await;
/// assert!(matches!(error, Err(BuildError::Setting { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is malformed.
    #[error("{setting}: {invalid}")]
    Setting {
        /// The setting and its origin.
        setting: String,
        /// The problem.
        invalid: Invalid,
    },
    /// The configuration file cannot be read.
    #[error("cannot read {path}: {source}")]
    Config {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// A counter snapshot or a counter store cannot be opened, or a setting has no effect because it belongs to
    /// another backend or needs a feature.
    #[error("{0}")]
    Misconfigured(String),
    /// A flag or a segment of the program has mistakes.
    #[cfg(feature = "flags")]
    #[error(transparent)]
    Flag(FlagError),
    /// The flags in the code differ from the stored ones in a way that
    /// [`deny_flags`](crate::WaygateBuilder::deny_flags) names.
    #[cfg(feature = "flags")]
    #[error("flags in the code and in the store differ: {}", listed(.0))]
    Flags(Vec<super::FlagFinding>),
    /// The backend cannot be opened.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

waygate_core::debug_as_message!(BuildError);

#[cfg(feature = "flags")]
fn listed(findings: &[super::FlagFinding]) -> String {
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    findings.join("; ")
}

impl BuildError {
    /// Converts the error of a file next to the store.
    #[cfg(feature = "file")]
    pub(super) fn of_file(error: BackendError) -> Self {
        Self::Misconfigured(error.problem().to_owned())
    }
}
