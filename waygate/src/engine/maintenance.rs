use waygate_core::{
    Printable,
    model::{Action, DroppedMaintenance, GlobalMaintenance, Revision, RouteStatus},
    transition::{MaintenanceCommand, Refused},
};

use super::{
    ChangeError,
    kinds::{MaintenanceScope, Maintenances, Timed},
    store::{Kind, json},
    tx::{Attempt, Change, Tx},
};

/// Global maintenance, or maintenance of a service.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, model::GlobalMaintenance};
///
/// let waygate = Waygate::builder().build().await?;
/// let upgrade = GlobalMaintenance::new("database upgrade".parse()?);
/// let record = waygate.system().enable_global_maintenance(upgrade).await?;
/// assert!(record.maintenance.enabled);
/// assert_eq!(waygate.global_maintenance().revision, record.revision);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaintenanceRecord {
    /// The effective maintenance.
    pub maintenance: GlobalMaintenance,
    /// The commit that last changed it; number 0 if there is none.
    pub revision: Revision,
    /// The parts that the change has discarded, such as the window or the exemptions of earlier maintenance. Empty in a
    /// record that is only read.
    pub dropped: DroppedMaintenance,
}

impl MaintenanceScope {
    /// The path of its lines in the audit log (wire contract, section 10).
    pub(crate) fn audit_path(&self) -> String {
        match self {
            Self::Global => "__global__".to_owned(),
            Self::Service(service) => format!("__waygate:svc_global:{service}__"),
        }
    }

    /// The audit action of a command that turns maintenance on or off.
    fn action(&self, command: &MaintenanceCommand, is_on: bool) -> Action {
        match (self, command) {
            (_, MaintenanceCommand::Enable(_)) if is_on => self.switched(true),
            (_, MaintenanceCommand::Disable) => self.switched(false),
            (Self::Global, MaintenanceCommand::SetExemptPaths(_)) => Action::GlobalExemptPathsSet,
            (Self::Service(_), MaintenanceCommand::SetExemptPaths(_)) => {
                Action::ServiceExemptPathsSet
            }
            (Self::Global, MaintenanceCommand::Cancel(_)) => Action::GlobalScheduleCancelled,
            (Self::Service(_), MaintenanceCommand::Cancel(_)) => Action::ServiceScheduleCancelled,
            (_, _) => self.scheduled(),
        }
    }

    /// The audit action of maintenance that starts later.
    fn scheduled(&self) -> Action {
        match self {
            Self::Global => Action::GlobalMaintenanceScheduled,
            Self::Service(_) => Action::ServiceMaintenanceScheduled,
        }
    }

    /// The audit action of maintenance that starts or ends on schedule.
    pub(crate) fn switched(&self, is_on: bool) -> Action {
        match (self, is_on) {
            (Self::Global, true) => Action::GlobalMaintenanceOn,
            (Self::Global, false) => Action::GlobalMaintenanceOff,
            (Self::Service(_), true) => Action::ServiceMaintenanceOn,
            (Self::Service(_), false) => Action::ServiceMaintenanceOff,
        }
    }
}

/// A change of maintenance.
pub(crate) struct MaintenanceChange {
    pub(crate) scope: MaintenanceScope,
    pub(crate) command: MaintenanceCommand,
}

impl Change for MaintenanceChange {
    type Done = MaintenanceRecord;

    fn subject(&self) -> String {
        Maintenances::entity(&self.scope).to_string()
    }

    async fn attempt(&self, tx: Tx<'_>) -> Result<MaintenanceRecord, Attempt> {
        let Self { scope, command } = self;
        let known = known(&tx, scope)?;
        let next = checked(command)?
            .apply(&known, tx.now)
            .map_err(|refused| refuse(scope, refused))?;
        let reason = match command {
            MaintenanceCommand::Enable(config) => config.reason.to_string(),
            MaintenanceCommand::Recur(recurring) => recurring.window.reason().to_string(),
            MaintenanceCommand::Cancel(Some(id)) => id.to_string(),
            _ => String::new(),
        };
        let action = scope.action(command, next.holds_at(tx.now));
        store(tx, scope, &known, next, (action, reason)).await
    }
}

/// Restores maintenance from the audit log.
pub(crate) struct MaintenanceRestore {
    pub(crate) scope: MaintenanceScope,
    pub(crate) maintenance: GlobalMaintenance,
    pub(crate) reason: String,
}

impl Change for MaintenanceRestore {
    type Done = MaintenanceRecord;

    fn subject(&self) -> String {
        Maintenances::entity(&self.scope).to_string()
    }

    async fn attempt(&self, tx: Tx<'_>) -> Result<MaintenanceRecord, Attempt> {
        let known = known(&tx, &self.scope)?;
        let next = self.maintenance.clone().settled(tx.now);
        let action = match next.holds_at(tx.now) {
            false if next.enabled => self.scope.scheduled(),
            is_on => self.scope.switched(is_on),
        };
        let line = (action, self.reason.clone());
        store(tx, &self.scope, &known, next, line).await
    }
}

/// The maintenance to change, at the revision that the author expects.
fn known(tx: &Tx<'_>, scope: &MaintenanceScope) -> Result<GlobalMaintenance, ChangeError> {
    let known = tx.stored.maintenance(scope);
    let entity = Maintenances::entity(scope);
    tx.check(entity.as_str(), Some(known.revision))?;
    Ok(known.value)
}

/// Writes the next maintenance, with the action and the reason of its line in the audit log.
async fn store(
    mut tx: Tx<'_>,
    scope: &MaintenanceScope,
    before: &GlobalMaintenance,
    next: GlobalMaintenance,
    (action, reason): (Action, String),
) -> Result<MaintenanceRecord, Attempt> {
    let (engine, now, is_staged) = (tx.engine, tx.now, tx.is_staged());
    // An expired record is removed.
    let current = before.clone().settled(now);
    let dropped = DroppedMaintenance::between(&current, &next, now);
    let is_on = next.holds_at(now);
    let timed = Timed::Maintenance(scope.clone());
    tx.follow(&timed, before, &next);
    let mut entry = tx.line(action, &scope.audit_path());
    entry.reason = reason;
    entry.service = scope.service().map(ToString::to_string);
    entry.previous_status = Some(status(current.holds_at(now)));
    entry.new_status = Some(status(is_on));
    entry.previous = Some(json(&current));
    entry.new = Some(json(&next));
    entry.dropped = (!dropped.is_empty()).then(|| json(&dropped));
    tx.audit(entry);
    if current.holds_at(now) && !is_on {
        tx.reset_after_maintenance(&timed);
    }
    tx.put::<Maintenances>(scope, &next);
    let (revision, snapshot) = tx.commit_seen().await?;
    // Unknown routes are logged by health, if this process can know them.
    let named = snapshot.unmatched_by_maintenance(scope, &next, now);
    let named = named.filter(|_| !snapshot.knows_every_route());
    let warnings = named
        .into_iter()
        .chain(engine.roles_warning(scope, &next, now));
    for warning in warnings.filter(|_| !is_staged) {
        let entity = Maintenances::entity(scope);
        tracing::warn!(
            maintenance = %Printable(&entity), warning = %Printable(warning),
            "the maintenance is set, but parts of it have no effect"
        );
    }
    let maintenance = next.at(now);
    Ok(MaintenanceRecord {
        maintenance,
        revision,
        dropped,
    })
}

/// Checks a command. Records are stored with whole microseconds.
fn checked(command: &MaintenanceCommand) -> Result<MaintenanceCommand, ChangeError> {
    Ok(match command {
        MaintenanceCommand::Enable(config) => {
            let mut config = config.clone();
            config.recurring.clear();
            MaintenanceCommand::Enable(config.checked()?)
        }
        other => other.clone(),
    })
}

fn refuse(scope: &MaintenanceScope, refused: Refused) -> ChangeError {
    match refused {
        Refused::Ended { end, now } => ChangeError::Ended { end, now },
        refused => ChangeError::MaintenanceRefused {
            maintenance: scope.in_words(),
            refused,
        },
    }
}

pub(crate) fn status(is_on: bool) -> RouteStatus {
    match is_on {
        true => RouteStatus::Maintenance,
        false => RouteStatus::Active,
    }
}
