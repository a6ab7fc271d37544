//! A store that goes on from an earlier state: what a lost change may have closed is closed again.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use waygate_core::{
    Printable, StrictJson,
    model::{Action, AuditEntry, GlobalMaintenance, Origin, RouteKey, RouteOverride, RouteState},
    port::{Batch, EntityKey, Lost},
};

use super::{
    Inner,
    change::{entry, json},
    maintenance::MaintenanceScope,
    publish::Touched,
    record_id::RecordId,
    stored::Stored,
    unreadable::{closed_maintenance, closed_route, is_closed_for_good},
};

/// What the store has lost, until each of the lost changes was made again or replaced.
#[derive(Debug, Clone)]
pub(crate) struct Setback {
    cause: String,
    /// What the lost changes were about; empty when that is not known.
    records: BTreeSet<EntityKey>,
}

impl Setback {
    /// For people.
    pub(crate) fn cause(&self) -> String {
        let records: Vec<String> = self.records.iter().map(|key| format!("`{key}`")).collect();
        match &*records {
            [] => format!("{}; what was changed after it is lost", self.cause),
            records => format!(
                "{}; changes of {} are lost, and what they may have closed is closed until it is changed again",
                self.cause,
                records.join(", ")
            ),
        }
    }

    /// Takes note of a change; `true` when nothing is left to be made again.
    pub(crate) fn is_over<'a>(&mut self, changed: impl IntoIterator<Item = &'a EntityKey>) -> bool {
        for key in changed {
            self.records.remove(key);
        }
        self.records.is_empty()
    }
}

/// The latest of what lost lines of the audit log say about routes and maintenance.
fn lost_records(lost: &Lost) -> BTreeMap<RecordId, &AuditEntry> {
    let mut latest = BTreeMap::new();
    for line in &lost.entries {
        if let Some(id) = record_of(line) {
            latest.insert(id, line);
        }
    }
    latest
}

/// The route or the maintenance that a line is about.
fn record_of(line: &AuditEntry) -> Option<RecordId> {
    let service = line.service.as_deref().and_then(|name| name.parse().ok());
    let scopes = [
        Some(MaintenanceScope::Global),
        service.map(MaintenanceScope::Service),
    ];
    for scope in scopes.into_iter().flatten() {
        if scope.audit_path() == line.path {
            return Some(RecordId::Maintenance(scope));
        }
    }
    // Lines about limits have the paths of routes, too.
    if read::<RouteState>(line).is_none() && !changes_a_route(line) {
        return None;
    }
    line.path.parse::<RouteKey>().ok().map(RecordId::Route)
}

/// Whether a line is about the state of a route, even where that state cannot be read.
fn changes_a_route(line: &AuditEntry) -> bool {
    let changes = matches!(
        line.action,
        Action::Enable
            | Action::Disable
            | Action::MaintenanceOn
            | Action::EnvGate
            | Action::Schedule
            | Action::ScheduleCancelled
            | Action::Deprecate
            | Action::AccessSet
            | Action::Reset
    );
    changes && line.new.is_some()
}

/// Whether a line is about maintenance that was switched on, even where it cannot be read.
fn switches_on(line: &AuditEntry) -> bool {
    let action = &line.action;
    matches!(
        action,
        Action::GlobalMaintenanceOn | Action::ServiceMaintenanceOn
    )
}

fn read<T: DeserializeOwned>(line: &AuditEntry) -> Option<T> {
    T::deserialize(StrictJson(line.new.clone()?)).ok()
}

/// What closes a route again whose latest change is lost; `None` when the store closes it, or the change left it as it is
/// there.
fn route_again(stored: &Stored, key: &RouteKey, line: &AuditEntry) -> Option<RouteOverride> {
    let known = stored.routes.get(key).map(|known| &known.value);
    let lost: Option<RouteState> = read(line);
    if known.is_some_and(|known| {
        is_closed_for_good(&known.state.position) || lost.as_ref() == Some(&known.state)
    }) {
        return None;
    }
    // What came of a change that leaves it open is not known for sure: it may have been refused.
    let state = closed_route(&lost.unwrap_or_default());
    let declared = known.map_or_else(RouteState::default, |known| known.declared.clone());
    Some(RouteOverride { state, declared })
}

fn maintenance_again(
    stored: &Stored,
    scope: &MaintenanceScope,
    line: &AuditEntry,
) -> Option<GlobalMaintenance> {
    let lost: GlobalMaintenance =
        read(line).or_else(|| switches_on(line).then(|| closed_maintenance(0).value))?;
    let known = stored.maintenance(scope).value;
    // Closed as the lost change has it, or more.
    let is_closed = known.is_unbounded()
        && known.exempts_nothing()
        && (known.include_force_active || !lost.include_force_active);
    (lost.enabled && !is_closed && lost != known).then_some(lost)
}

impl Inner {
    /// Closes what lost changes may have closed, in the store if it takes that, and here in any case.
    pub(crate) async fn make_up_for(&self, lost: &Lost) {
        let mut stored = self.stored.lock().await;
        let latest = lost_records(lost);
        let mut batch = Batch::default();
        let now = self.clock.now();
        for (id, line) in &latest {
            let again = |action, previous, value| AuditEntry {
                service: line.service.clone(),
                reason: "a lost change may have closed it".to_owned(),
                previous,
                new: Some(value),
                ..entry(&Origin::system(), action, &line.path, now)
            };
            match id {
                RecordId::Route(key) => {
                    if let Some(closed) = route_again(&stored, key, line) {
                        let before = stored.routes.get(key);
                        let before = before.map(|known| json(&known.value.state));
                        batch
                            .expected
                            .push((id.entity(), stored.expected_route(key)));
                        batch
                            .audit
                            .push(again(Action::Disable, before, json(&closed.state)));
                        batch.puts.push((id.entity(), json(&closed)));
                    }
                }
                RecordId::Maintenance(scope) => {
                    if let Some(closed) = maintenance_again(&stored, scope, line) {
                        let before = json(&stored.maintenance(scope).value);
                        let expected = stored.expected_maintenance(scope);
                        batch.expected.push((id.entity(), expected));
                        let action = match scope {
                            MaintenanceScope::Global => Action::GlobalMaintenanceOn,
                            MaintenanceScope::Service(_) => Action::ServiceMaintenanceOn,
                        };
                        batch.audit.push(again(action, Some(before), json(&closed)));
                        batch.puts.push((id.entity(), json(&closed)));
                    }
                }
                _ => {}
            }
        }
        let puts = batch.puts.clone();
        if !puts.is_empty() && self.commit(&mut stored, batch).await.is_err() {
            // The store takes no writes, which is reported. Here it is closed all the same.
            for (key, value) in puts {
                let known = RecordId::of(&key).ok().and_then(|id| stored.entity(&id));
                let revision = known.map_or(0, |entity| entity.revision);
                let entity = waygate_core::port::Entity { revision, value };
                if let Err(problem) = stored.put(&key, entity) {
                    tracing::error!(key = %Printable(&key), problem = %Printable(problem), "a lost change cannot be made up for");
                }
            }
        }
        stored.setback = Some(Setback {
            cause: lost.cause.clone(),
            records: latest.keys().map(RecordId::entity).collect(),
        });
        self.note_records(&stored);
        self.publish_next(&stored, &Touched::default());
    }
}
