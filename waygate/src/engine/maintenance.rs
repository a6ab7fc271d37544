use waygate_core::{
    Printable, Timestamp,
    grammar::Reason,
    model::{Action, DroppedMaintenance, ExemptPath, GlobalMaintenance, Revision, RouteStatus},
};

use super::{
    ChangeError,
    kinds::{MaintenanceScope, Maintenances, Timed},
    store::{Kind, json},
    tx::{Attempt, Change, Tx},
};

/// A command on maintenance.
#[derive(Debug, Clone)]
pub(crate) enum MaintenanceCommand {
    Enable(GlobalMaintenance),
    Disable,
    SetExemptPaths(Vec<ExemptPath>),
}

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
            (Self::Global, MaintenanceCommand::Enable(_)) => Action::GlobalMaintenanceScheduled,
            (Self::Service(_), MaintenanceCommand::Enable(_)) => {
                Action::ServiceMaintenanceScheduled
            }
            (_, MaintenanceCommand::Disable) => self.switched(false),
            (Self::Global, MaintenanceCommand::SetExemptPaths(_)) => Action::GlobalExemptPathsSet,
            (Self::Service(_), MaintenanceCommand::SetExemptPaths(_)) => {
                Action::ServiceExemptPathsSet
            }
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
        let next = match command {
            MaintenanceCommand::Enable(config) => enabled(config.clone(), now)?,
            MaintenanceCommand::Disable => GlobalMaintenance::default(),
            MaintenanceCommand::SetExemptPaths(paths) => {
                current.clone().exempt_paths(paths.clone())
            }
        };
        let reason = match command {
            MaintenanceCommand::Enable(config) => &config.reason,
            MaintenanceCommand::Disable | MaintenanceCommand::SetExemptPaths(_) => {
                &Reason::default()
            }
        };
        let dropped = DroppedMaintenance::between(&current, &next, now);
        let is_on = next.holds_at(now);
        tx.follow(&Timed::Maintenance(scope.clone()), &before, &next);
        let mut entry = tx.line(scope.action(command, is_on), &scope.audit_path());
        entry.reason = reason.to_string();
        entry.service = scope.service().map(ToString::to_string);
        entry.previous_status = Some(status(current.holds_at(now)));
        entry.new_status = Some(status(is_on));
        entry.previous = Some(json(&current));
        entry.new = Some(json(&next));
        entry.dropped = (!dropped.is_empty()).then(|| json(&dropped));
        tx.audit(entry);
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

/// The record of maintenance that is turned on.
fn enabled(config: GlobalMaintenance, now: Timestamp) -> Result<GlobalMaintenance, ChangeError> {
    let mut config = config.checked()?;
    config.enabled = true;
    match config.end {
        Some(end) if end <= now => Err(ChangeError::Ended { end, now }),
        _ => Ok(config),
    }
}

pub(crate) fn status(is_on: bool) -> RouteStatus {
    match is_on {
        true => RouteStatus::Maintenance,
        false => RouteStatus::Active,
    }
}
