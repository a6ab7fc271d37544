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
            (Self::Global, _) => Action::GlobalMaintenanceScheduled,
            (Self::Service(_), _) => Action::ServiceMaintenanceScheduled,
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

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<MaintenanceRecord, Attempt> {
        let Self { scope, command } = self;
        let (engine, now) = (tx.engine, tx.now);
        let known = tx.stored.maintenance(scope);
        let entity = Maintenances::entity(scope);
        tx.check(entity.as_str(), Some(known.revision))?;
        let before = known.value;
        // An expired record is removed.
        let current = before.clone().settled(now);
        let next = checked(command)?
            .apply(&before, now)
            .map_err(|refused| refuse(scope, refused))?;
        let reason = match command {
            MaintenanceCommand::Enable(config) => config.reason.to_string(),
            MaintenanceCommand::Recur(recurring) => recurring.window.reason().to_string(),
            MaintenanceCommand::Cancel(Some(id)) => id.to_string(),
            _ => String::new(),
        };
        let dropped = DroppedMaintenance::between(&current, &next, now);
        let is_on = next.holds_at(now);
        let timed = Timed::Maintenance(scope.clone());
        tx.follow(&timed, &before, &next);
        let mut entry = tx.line(scope.action(command, is_on), &scope.audit_path());
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
        let revision = tx.commit().await?;
        // Unknown routes are logged by health, if this process can know them.
        let named = engine
            .snapshot
            .load()
            .unmatched_by_maintenance(scope, &next, now);
        let named = named.filter(|_| !engine.snapshot.load().knows_every_route());
        let warnings = named
            .into_iter()
            .chain(engine.roles_warning(scope, &next, now));
        for warning in warnings {
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
