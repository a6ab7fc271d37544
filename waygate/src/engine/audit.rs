use uuid::Uuid;
use waygate_core::{
    Timestamp,
    model::{Action, AuditEntry, Origin},
};

/// A line of the audit log, to be completed.
pub(crate) fn entry(origin: &Origin, action: Action, path: &str, now: Timestamp) -> AuditEntry {
    AuditEntry {
        id: Uuid::new_v4(),
        timestamp: now,
        path: path.to_owned(),
        service: None,
        action,
        actor: origin.actor.clone(),
        platform: origin.platform.clone(),
        reason: String::new(),
        previous_status: None,
        new_status: None,
        revision: 0,
        previous: None,
        new: None,
        dropped: None,
    }
}
