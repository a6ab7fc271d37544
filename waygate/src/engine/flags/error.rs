use waygate_core::flag::Problems;

/// The reason why a flag or a segment was not changed. Nothing is changed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{ChangeError, Waygate, flags::FlagError};
///
/// let waygate = Waygate::builder().build().await?;
/// let error = waygate.system().enable_flag("search").await.unwrap_err();
/// assert!(matches!(error, ChangeError::Flag(FlagError::NotFound { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    /// There is no flag or segment with this key.
    #[error("there is no {kind} `{key}`{}", hint(nearest.as_deref()))]
    NotFound {
        /// `flag` or `segment`.
        kind: &'static str,
        /// The requested key.
        key: String,
        /// The most similar key, if there is one.
        nearest: Option<String>,
    },
    /// A flag or segment with this key already exists.
    #[error("{kind} `{key}` already exists: set it instead of creating it")]
    Exists {
        /// `flag` or `segment`.
        kind: &'static str,
        /// Its key.
        key: String,
    },
    /// A flag has no draft.
    #[error("the flag `{key}` has no draft: save one first")]
    NoDraft {
        /// The key of the flag.
        key: String,
    },
    /// The audit log has no such definition of a flag or a segment.
    #[error("the audit log has no {}definition of the {kind} `{key}` in the entry `{entry}`", quoted(*version))]
    NoVersion {
        /// `flag` or `segment`.
        kind: &'static str,
        /// The key of the flag or the segment.
        key: String,
        /// The requested entry.
        entry: String,
        /// The requested definition of the entry, `previous` or `new`; `None` if there is no such entry.
        version: Option<&'static str>,
    },
    /// A flag has no scheduled change with this id.
    #[error("the flag `{key}` has no scheduled change `{id}`")]
    NoSuchChange {
        /// The key of the flag.
        key: String,
        /// The requested id.
        id: String,
    },
    /// A flag has no progressive rollout.
    #[error(
        "the flag `{key}` has no progressive rollout to hold or resume: set `progressive` first"
    )]
    NotProgressive {
        /// The key of the flag.
        key: String,
    },
    /// The definition has validation errors, or others need what it removes.
    #[error("{kind} `{key}`: {problems}")]
    Invalid {
        /// `flag` or `segment`.
        kind: &'static str,
        /// Its key.
        key: String,
        /// The problems, with their places.
        problems: Problems,
    },
}

waygate_core::debug_as_message!(FlagError);

fn quoted(word: Option<&str>) -> String {
    word.map_or_else(String::new, |word| format!("`{word}` "))
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!(": did you mean `{key}`?"))
}
