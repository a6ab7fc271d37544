//! Handles a store that continues from an earlier state: records that a lost change may have closed are closed again.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use waygate_core::{
    Printable, StrictJson,
    model::{Action, AuditEntry, GlobalMaintenance, Origin, RouteKey, RouteOverride, RouteState},
    port::Lost,
};

use super::{
    Inner,
    kinds::{
        MaintenanceScope, Maintenances, RecordId, Routes, closed_maintenance, closed_route,
        is_closed_for_good,
    },
    store::{Setback, json},
    stored::Stored,
    touched::Touched,
    tx::{By, Tx},
};

/// The latest lost audit line of each route and maintenance.
fn lost_records(lost: &Lost) -> BTreeMap<RecordId, &AuditEntry> {
    let mut latest = BTreeMap::new();
    for line in &lost.entries {
        if let Some(id) = record_of(line) {
            latest.insert(id, line);
        }
    }
    latest
}

/// The route or the maintenance of a line.
fn record_of(line: &AuditEntry) -> Option<RecordId> {
    let service = line.service.as_deref().and_then(|name| name.parse().ok());
    let scopes = [
        Some(MaintenanceScope::Global),
        service.map(MaintenanceScope::Service),
    ];
    for scope in scopes.into_iter().flatten() {
        if scope.audit_path() == line.path {
            return RecordId::new::<Maintenances>(&scope);
        }
    }
    // Lines about limits have the paths of routes, too.
    if read::<RouteState>(line).is_none() && !changes_a_route(line) {
        return None;
    }
    RecordId::new::<Routes>(&line.path.parse().ok()?)
}

/// Returns `true` if a line changes the state of a route, even if that state cannot be read.
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

/// Returns `true` if a line turns maintenance on, even if the record in it cannot be read.
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

/// The override that closes a route after its latest change was lost; `None` if the stored state closes it, or if the
/// change is not lost.
fn closed_again(stored: &Stored, key: &RouteKey, line: &AuditEntry) -> Option<RouteOverride> {
    let known = stored.records.routes.get(key).map(|known| &known.value);
    let lost: Option<RouteState> = read(line);
    if known.is_some_and(|known| {
        is_closed_for_good(&known.state.position) || lost.as_ref() == Some(&known.state)
    }) {
        return None;
    }
    // A change that leaves the route open may have been refused, so it is closed.
    let state = closed_route(&lost.unwrap_or_default());
    let declared = known.map_or_else(RouteState::default, |known| known.declared.clone());
    Some(RouteOverride { state, declared })
}

fn maintained_again(
    stored: &Stored,
    scope: &MaintenanceScope,
    line: &AuditEntry,
) -> Option<GlobalMaintenance> {
    let lost: GlobalMaintenance =
        read(line).or_else(|| switches_on(line).then(closed_maintenance))?;
    let known = stored.maintenance(scope).value;
    // At least as restrictive as the lost change.
    let is_closed = known.is_unbounded()
        && known.exempts_nothing()
        && (known.include_force_active || !lost.include_force_active);
    ((lost.enabled || !lost.recurring.is_empty()) && !is_closed && lost != known).then_some(lost)
}

impl Tx<'_> {
    fn audit_closing(
        &mut self,
        line: &AuditEntry,
        action: Action,
        previous: Option<Value>,
        new: Value,
    ) {
        let mut entry = self.line(action, &line.path);
        entry.service = line.service.clone();
        entry.reason = "a lost change may have closed it".to_owned();
        entry.previous = previous;
        entry.new = Some(new);
        self.audit(entry);
    }
}

impl Inner {
    /// Closes records that lost changes may have closed, in the store if it is writable, and always in this process.
    pub(crate) async fn close_lost(&self, lost: &Lost) {
        let mut stored = self.stored.lock().await;
        let latest = lost_records(lost);
        let by = By::new(Origin::system());
        let mut tx = Tx::new(self, &mut stored, &by);
        for (id, line) in &latest {
            if let Some(key) = id.as_key::<Routes>() {
                let before = tx.stored.records.routes.get(&key);
                let before = before.map(|known| json(&known.value.state));
                if let Some(closed) = closed_again(tx.stored, &key, line) {
                    tx.audit_closing(line, Action::Disable, before, json(&closed.state));
                    tx.put::<Routes>(&key, &closed);
                }
            } else if let Some(scope) = id.as_key::<Maintenances>() {
                let before = json(&tx.stored.maintenance(&scope).value);
                if let Some(closed) = maintained_again(tx.stored, &scope, line) {
                    tx.audit_closing(line, scope.switched(true), Some(before), json(&closed));
                    tx.put::<Maintenances>(&scope, &closed);
                }
            }
        }
        let puts = tx.puts().to_vec();
        if !puts.is_empty() && tx.commit().await.is_err() {
            // The store is not writable, which is reported. This process closes the record anyway.
            for (key, value) in puts {
                let known = RecordId::of(&key).ok();
                let known = known.and_then(|id| stored.records.entity(&id));
                let revision = known.map_or(0, |entity| entity.revision);
                let entity = waygate_core::port::Entity::new(revision, value);
                if let Err(problem) = stored.put(&key, entity) {
                    tracing::error!(key = %Printable(&key), problem = %Printable(problem), "cannot close the record \
                                                                                            of a lost change");
                }
            }
        }
        stored.setback = Some(Setback {
            cause: lost.cause.clone(),
            records: latest.keys().map(|id| id.entity().clone()).collect(),
        });
        self.note_records(&stored);
        let touched = Touched::by(latest.keys(), &stored, &self.snapshot.load().table);
        self.publish_next(&stored, &touched);
    }
}
