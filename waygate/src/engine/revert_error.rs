use uuid::Uuid;
use waygate_core::model::{Action, AuditEntry};

/// Why an entry of the audit log cannot be reverted. Nothing was changed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{ChangeError, Waygate, audit::{RevertError, Uuid}};
///
/// let waygate = Waygate::builder().build().await?;
/// let error = waygate.system().revert(Uuid::nil()).await.unwrap_err();
/// assert!(matches!(error, ChangeError::Revert(RevertError::NoEntry(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevertError {
    /// The audit log has no such entry, or no longer.
    #[error("the audit log has no entry `{0}`")]
    NoEntry(Uuid),
    /// The change is none that can be reverted.
    #[error("the entry `{entry}` (`{action}` of `{path}`) cannot be reverted: {problem}")]
    NotRevertible {
        /// The entry.
        entry: Uuid,
        /// Its action.
        action: Action,
        /// Its path.
        path: String,
        /// Why not.
        problem: String,
    },
    /// What the entry changed was changed again.
    #[error("`{path}` was changed since the entry `{entry}`{}: revert that first, or force it", later(.by.as_deref()))]
    ChangedSince {
        /// The entry.
        entry: Uuid,
        /// Its path.
        path: String,
        /// The next change, if the audit log has it.
        by: Option<Box<AuditEntry>>,
    },
}

fn later(by: Option<&AuditEntry>) -> String {
    by.map_or_else(String::new, |by| {
        let AuditEntry {
            id, action, actor, ..
        } = by;
        format!(" by the entry `{id}` (`{action}` of {actor})")
    })
}
