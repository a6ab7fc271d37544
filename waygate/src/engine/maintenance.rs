use waygate_core::{
    Printable,
    grammar::{Reason, ServiceName},
    model::{Action, AuditEntry, ExemptPath, GlobalMaintenance, Revision, RouteStatus},
    port::{Batch, EntityKey},
};

use super::{
    Event, Inner,
    change::{Attempt, By, Change, check_expected, entry, json},
    publish::Touched,
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

    /// The path under which the audit log files it (wire contract section 10).
    pub(crate) fn audit_path(&self) -> String {
        match self {
            Self::Global => "__global__".to_owned(),
            Self::Service(service) => format!("__waygate:svc_global:{service}__"),
        }
    }

    pub(crate) fn action(&self, command: &MaintenanceCommand) -> Action {
        match (self, command) {
            (Self::Global, MaintenanceCommand::Enable(_)) => Action::GlobalMaintenanceOn,
            (Self::Global, MaintenanceCommand::Disable) => Action::GlobalMaintenanceOff,
            (Self::Global, MaintenanceCommand::SetExemptPaths(_)) => Action::GlobalExemptPathsSet,
            (Self::Service(_), MaintenanceCommand::Enable(_)) => Action::ServiceMaintenanceOn,
            (Self::Service(_), MaintenanceCommand::Disable) => Action::ServiceMaintenanceOff,
            (Self::Service(_), MaintenanceCommand::SetExemptPaths(_)) => {
                Action::ServiceExemptPathsSet
            }
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

/// A change of maintenance.
pub(crate) struct MaintenanceChange {
    pub(crate) scope: MaintenanceScope,
    pub(crate) command: MaintenanceCommand,
}

impl Change for MaintenanceChange {
    type Done = (GlobalMaintenance, Revision);

    fn subject(&self) -> String {
        self.scope.entity().to_string()
    }

    async fn attempt(
        &self,
        inner: &Inner,
        stored: &mut Stored,
        by: &By,
    ) -> Result<(GlobalMaintenance, Revision), Attempt> {
        let Self { scope, command } = self;
        let known = stored.maintenance(scope);
        let entity = scope.entity();
        check_expected(entity.as_str(), by.expected, known.revision)?;
        let current = known.value;
        let next = match command {
            MaintenanceCommand::Enable(config) => GlobalMaintenance {
                enabled: true,
                ..config.clone()
            },
            MaintenanceCommand::Disable => GlobalMaintenance::default(),
            MaintenanceCommand::SetExemptPaths(paths) => GlobalMaintenance {
                exempt_paths: paths.clone(),
                ..current.clone()
            },
        };
        let status = |config: &GlobalMaintenance| match config.enabled {
            true => RouteStatus::Maintenance,
            false => RouteStatus::Active,
        };
        let reason = match command {
            MaintenanceCommand::Enable(config) => &config.reason,
            MaintenanceCommand::Disable | MaintenanceCommand::SetExemptPaths(_) => {
                &Reason::default()
            }
        };
        let line = AuditEntry {
            reason: reason.to_string(),
            service: scope.service().map(ToString::to_string),
            previous_status: Some(status(&current)),
            new_status: Some(status(&next)),
            previous: Some(json(&current)),
            new: Some(json(&next)),
            ..entry(
                &by.origin,
                scope.action(command),
                &scope.audit_path(),
                inner.clock.now(),
            )
        };
        let batch = Batch {
            expected: vec![(entity.clone(), stored.expected_maintenance(scope))],
            puts: vec![(entity, json(&next))],
            audit: vec![line.clone()],
            ..Batch::default()
        };
        let revision = inner.commit(stored, batch).await?;
        inner.publish_next(stored, &Touched::default());
        if let Some(warning) = inner.snapshot.load().unmatched_by_maintenance(scope, &next) {
            tracing::warn!(
                maintenance = %Printable(scope.entity()), warning = %Printable(warning),
                "maintenance was set that names what is not known here"
            );
        }
        let audit = Some(Box::new(AuditEntry {
            revision: revision.number,
            ..line
        }));
        inner.send(scope.event(next.clone(), revision, audit));
        Ok((next, revision))
    }
}
