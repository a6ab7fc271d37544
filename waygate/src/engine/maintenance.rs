use waygate_core::{
    Printable, Timestamp,
    grammar::{Reason, ServiceName},
    model::{
        Action, AuditEntry, DroppedMaintenance, ExemptPath, GlobalMaintenance, LimitScope,
        Revision, RouteStatus,
    },
    port::{Batch, EntityKey},
};

use super::{
    ChangeError, Event, Inner,
    change::{Attempt, By, Change, check_expected, entry, json},
    publish::Touched,
    scheduler::Timed,
    stored::{Stored, kind},
};

/// What is in maintenance at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum MaintenanceScope {
    /// Everything.
    Global,
    /// Every route of one service.
    Service(ServiceName),
}

/// What a change of maintenance asks for.
#[derive(Debug, Clone)]
pub(crate) enum MaintenanceCommand {
    Enable(GlobalMaintenance),
    Disable,
    SetExemptPaths(Vec<ExemptPath>),
}

/// Maintenance of everything or of a service after it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaintenanceRecord {
    /// What holds now.
    pub maintenance: GlobalMaintenance,
    /// The commit that has changed it.
    pub revision: Revision,
    /// What the change has dropped, such as the window or the exemptions of an earlier one.
    pub dropped: DroppedMaintenance,
}

impl MaintenanceScope {
    pub(crate) fn entity(&self) -> EntityKey {
        match self {
            Self::Global => EntityKey::singleton(kind::GLOBAL),
            Self::Service(service) => EntityKey::of(kind::SERVICE, service),
        }
    }

    pub(crate) fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Global => None,
            Self::Service(service) => Some(service),
        }
    }

    /// For people.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Global => "global maintenance".to_owned(),
            Self::Service(service) => format!("maintenance of the service {service}"),
        }
    }

    /// The path under which the audit log files it (wire contract, section 10).
    pub(crate) fn audit_path(&self) -> String {
        match self {
            Self::Global => "__global__".to_owned(),
            Self::Service(service) => format!("__waygate:svc_global:{service}__"),
        }
    }

    /// What the audit log calls a command after which maintenance is on, or not.
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

    /// What the audit log calls it when maintenance goes on or off.
    pub(crate) fn switched(&self, is_on: bool) -> Action {
        match (self, is_on) {
            (Self::Global, true) => Action::GlobalMaintenanceOn,
            (Self::Global, false) => Action::GlobalMaintenanceOff,
            (Self::Service(_), true) => Action::ServiceMaintenanceOn,
            (Self::Service(_), false) => Action::ServiceMaintenanceOff,
        }
    }

    pub(crate) fn event(
        &self,
        maintenance: GlobalMaintenance,
        revision: Revision,
        audit: Option<Box<AuditEntry>>,
    ) -> Event {
        match self {
            Self::Global => Event::Global {
                global: maintenance,
                revision,
                audit,
            },
            Self::Service(service) => Event::Service {
                service: service.clone(),
                maintenance,
                revision,
                audit,
            },
        }
    }
}

impl From<&MaintenanceScope> for LimitScope {
    fn from(scope: &MaintenanceScope) -> Self {
        match scope {
            MaintenanceScope::Global => Self::Global,
            MaintenanceScope::Service(name) => Self::Service(name.clone()),
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
        self.scope.entity().to_string()
    }

    async fn attempt(
        &self,
        inner: &Inner,
        stored: &mut Stored,
        by: &By,
    ) -> Result<MaintenanceRecord, Attempt> {
        let Self { scope, command } = self;
        let known = stored.maintenance(scope);
        let entity = scope.entity();
        check_expected(entity.as_str(), by.expected, known.revision)?;
        let now = inner.clock.now();
        let before = known.value;
        // What time has ended is forgotten.
        let current = before.clone().settled(now);
        let next = match command {
            MaintenanceCommand::Enable(config) => enabled(config.clone(), now)?,
            MaintenanceCommand::Disable => GlobalMaintenance::default(),
            MaintenanceCommand::SetExemptPaths(paths) => GlobalMaintenance {
                exempt_paths: paths.clone(),
                ..current.clone()
            },
        };
        let reason = match command {
            MaintenanceCommand::Enable(config) => &config.reason,
            MaintenanceCommand::Disable | MaintenanceCommand::SetExemptPaths(_) => {
                &Reason::default()
            }
        };
        let dropped = DroppedMaintenance::between(&current, &next, now);
        let is_on = next.holds_at(now);
        let line = AuditEntry {
            reason: reason.to_string(),
            service: scope.service().map(ToString::to_string),
            previous_status: Some(status(current.holds_at(now))),
            new_status: Some(status(is_on)),
            previous: Some(json(&current)),
            new: Some(json(&next)),
            dropped: (!dropped.is_empty()).then(|| json(&dropped)),
            ..entry(
                &by.origin,
                scope.action(command, is_on),
                &scope.audit_path(),
                now,
            )
        };
        let mut batch = Batch {
            expected: vec![(entity.clone(), stored.expected_maintenance(scope))],
            puts: vec![(entity, json(&next))],
            ..Batch::default()
        };
        let timed = Timed::Maintenance(scope.clone());
        timed.follow(&mut batch, stored, &before, &next, now);
        batch.audit.push(line);
        let audit = batch.audit.clone();
        let revision = inner.commit(stored, batch).await?;
        inner.publish_next(stored, &Touched::default());
        // What names no route is logged by health, where that is for this process to say.
        let named = inner
            .snapshot
            .load()
            .unmatched_by_maintenance(scope, &next, now);
        let named = named.filter(|_| !inner.snapshot.load().knows_every_route());
        let warnings = named
            .into_iter()
            .chain(inner.roles_warning(scope, &next, now));
        for warning in warnings {
            tracing::warn!(
                maintenance = %Printable(scope.entity()), warning = %Printable(warning),
                "maintenance was set that does not do all that it says"
            );
        }
        let maintenance = next.at(now);
        for line in audit {
            let line = AuditEntry {
                revision: revision.number,
                ..line
            };
            inner.send(scope.event(maintenance.clone(), revision, Some(Box::new(line))));
        }
        Ok(MaintenanceRecord {
            maintenance,
            revision,
            dropped,
        })
    }
}

/// What is to be stored of a maintenance that is switched on.
fn enabled(config: GlobalMaintenance, now: Timestamp) -> Result<GlobalMaintenance, ChangeError> {
    let config = GlobalMaintenance {
        enabled: true,
        ..config.checked()?
    };
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
