//! Announces scheduled transitions, and makes scheduled changes of flags. Decisions about requests do not depend on
//! this task: they derive from the clock.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
};

use waygate_core::{
    Timestamp,
    model::{Action, AuditEntry, GlobalMaintenance, Origin, RouteState, RouteStatus},
    port::{CommitError, Expected},
};

use super::{
    Component, Inner,
    kinds::{MaintenanceScope, Maintenances, Records, Routes, Schedule, Schedules, Timed},
    maintenance,
    store::{Holds, Kind, json},
    stored::Stored,
    touched::Touched,
    tx::{By, Tx},
};

/// The actions of scheduled transitions.
#[cfg(feature = "metrics")]
pub(crate) const SCHEDULED: [Action; 7] = [
    Action::MaintenanceOn,
    Action::Disable,
    Action::Enable,
    Action::GlobalMaintenanceOn,
    Action::GlobalMaintenanceOff,
    Action::ServiceMaintenanceOn,
    Action::ServiceMaintenanceOff,
];

impl Timed {
    /// An audit line about a scheduled transition.
    fn line(&self, to: RouteStatus, now: Timestamp) -> AuditEntry {
        let origin = Origin::scheduler();
        match self {
            Self::Route(key) => {
                let action = match to {
                    RouteStatus::Maintenance => Action::MaintenanceOn,
                    RouteStatus::Disabled => Action::Disable,
                    _ => Action::Enable,
                };
                let mut entry = AuditEntry::new(&origin, action, key.as_str(), now);
                entry.service = key.service().map(str::to_owned);
                entry
            }
            Self::Maintenance(scope) => {
                let action = scope.switched(to == RouteStatus::Maintenance);
                let mut entry = AuditEntry::new(&origin, action, scope.audit_path(), now);
                entry.service = scope.service().map(ToString::to_string);
                entry
            }
        }
    }
}

/// A state that changes with time.
pub(crate) trait Course: serde::Serialize {
    fn status(&self, at: Timestamp) -> RouteStatus;

    /// The reason; may be empty.
    fn reason(&self, at: Timestamp) -> String;

    /// The next instant at which the state may change.
    fn next_change(&self, after: Timestamp) -> Option<Timestamp>;
}

impl Course for RouteState {
    fn status(&self, at: Timestamp) -> RouteStatus {
        self.status(at)
    }

    fn reason(&self, at: Timestamp) -> String {
        self.position.effective(at).reason().to_string()
    }

    fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        self.position.next_change(after)
    }
}

impl Course for GlobalMaintenance {
    fn status(&self, at: Timestamp) -> RouteStatus {
        maintenance::status(self.holds_at(at))
    }

    fn reason(&self, at: Timestamp) -> String {
        self.at(at).reason.to_string()
    }

    fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        self.next_change(after)
    }
}

/// One scheduled transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Transition {
    at: Timestamp,
    from: RouteStatus,
    to: RouteStatus,
}

/// The most transitions of one state that are written later together: recurring windows may have had any number of them
/// while no process ran.
const MOST_LATE: usize = 100;

/// The transitions of a state in `after..=now`. If there are too many, the oldest, and one to the status of now.
fn transitions(state: &impl Course, after: Timestamp, now: Timestamp) -> Vec<Transition> {
    let mut steps = Vec::new();
    let mut last = after;
    while let Some(mut at) = state.next_change(last).filter(|at| *at <= now) {
        let from = state.status(last);
        if steps.len() >= MOST_LATE {
            at = now;
        }
        let to = state.status(at);
        if from != to {
            steps.push(Transition { at, from, to });
        }
        last = at;
    }
    steps
}

impl Timed {
    /// Audit lines of transitions that were not announced yet.
    fn lines(&self, state: &impl Course, after: Timestamp, now: Timestamp) -> Vec<AuditEntry> {
        let steps = transitions(state, after, now);
        let line = |step: Transition| {
            let late = now.duration_since(step.at).as_millis();
            let mut entry = self.line(step.to, now);
            entry.previous_status = Some(step.from);
            entry.new_status = Some(step.to);
            entry.reason = state.reason(step.at);
            let new = serde_json::json!({ "at": step.at, "late_ms": late, "state": json(state) });
            entry.new = Some(new);
            entry
        };
        steps.into_iter().map(line).collect()
    }
}

impl Tx<'_> {
    /// Adds the records for the schedule of a changed state: lines for earlier transitions that the audit log lacks,
    /// and the mark from which it is followed.
    pub(crate) fn follow<C: Course>(&mut self, timed: &Timed, before: &C, after: &C) {
        if let Some(known) = self.stored.records.schedules.get(timed) {
            let lines = timed.lines(before, known.value.logged_until, self.now);
            self.audit_transitions(timed, lines);
        }
        self.mark(timed, after);
    }

    /// Moves the mark of a state to now, or deletes it if no transition is left.
    fn mark(&mut self, timed: &Timed, state: &impl Course) {
        if state.next_change(self.now).is_some() {
            let logged_until = self.now;
            self.put::<Schedules>(timed, &Schedule { logged_until });
        } else if self.stored.expected::<Schedules>(timed) != Expected::Absent {
            self.delete::<Schedules>(timed);
        }
    }
}

impl Inner {
    /// Writes everything that is due. Returns the time of the next change that the snapshot does not show.
    async fn make_due_changes(&self, time_passed: bool) -> Result<Option<Timestamp>, CommitError> {
        let next = self.write_transitions(time_passed).await?;
        #[cfg(feature = "flags")]
        let next = self
            .make_due_flag_changes()
            .await?
            .into_iter()
            .chain(next)
            .min();
        Ok(next)
    }

    /// Announces every transition up to now exactly once over all processes of the store: the mark moves by
    /// compare-and-set in the same commit as the lines. Returns the time of the next transition of any maintenance
    /// record.
    async fn write_transitions(&self, time_passed: bool) -> Result<Option<Timestamp>, CommitError> {
        let mut stored = self.stored.lock().await;
        let snapshot = self.snapshot.load_full();
        let now = self.clock.now();
        let mut passed = Vec::new();
        for (slot, next) in snapshot.timed() {
            if next <= now {
                passed.push(slot);
            }
        }
        let passed_scopes: Vec<MaintenanceScope> = snapshot
            .maintenances()
            .filter(|(_, maintained)| maintained.next_change.is_some_and(|next| next <= now))
            .map(|(scope, _)| scope)
            .collect();
        // When an event arrives, the snapshot already shows the change.
        if !passed.is_empty() || !passed_scopes.is_empty() {
            let touched = Touched {
                slots: passed.clone(),
                ..Touched::default()
            };
            self.publish_next(&stored, &touched);
        }
        if time_passed {
            // Maintenance of another service may have ended.
            self.note_unmatched(&self.snapshot.load());
        }
        let mut due: Vec<usize> = snapshot.timed().map(|(slot, _)| slot).collect();
        let mut scopes: BTreeSet<MaintenanceScope> = passed_scopes.iter().cloned().collect();
        for timed in stored.records.schedules.keys() {
            match timed {
                Timed::Route(key) => due.extend(snapshot.table.exact(key)),
                Timed::Maintenance(scope) => drop(scopes.insert(scope.clone())),
            }
        }
        let maintenances = || stored.records.maintenances.iter();
        let pending = maintenances().filter(|(_, set)| set.value.next_change(now).is_some());
        scopes.extend(pending.map(|(scope, _)| scope.clone()));
        due.sort_unstable();
        due.dedup();
        for slot in due {
            let written = self.write_route(&mut stored, slot, now).await?;
            if !written
                && passed.contains(&slot)
                && let Some(route) = snapshot.table.route(slot)
            {
                // Another process wrote the line; our subscribers still need the event.
                self.announce_one::<Routes>(&stored, &route.key);
            }
        }
        for scope in scopes {
            let written = self.write_maintenance(&mut stored, &scope, now).await?;
            if !written && passed_scopes.contains(&scope) {
                self.announce_one::<Maintenances>(&stored, &scope);
            }
        }
        let next = stored.records.maintenances.iter();
        Ok(next.filter_map(|(_, set)| set.value.next_change(now)).min())
    }

    /// Writes the due transitions of a route. Returns `true` if there were any and this process wrote them.
    async fn write_route(
        &self,
        stored: &mut Stored,
        slot: usize,
        now: Timestamp,
    ) -> Result<bool, CommitError> {
        let snapshot = self.snapshot.load_full();
        let (Some(route), Some(current)) = (snapshot.table.route(slot), snapshot.slot(slot)) else {
            return Ok(false);
        };
        // The schedule of an unreadable record is unknown.
        if stored.held(&route.key).is_some() {
            return Ok(false);
        }
        let timed = Timed::Route(route.key.clone());
        self.write_due::<Routes>(stored, &route.key, &timed, &current.state, now)
            .await
    }

    /// Writes the due transitions of a maintenance record.
    async fn write_maintenance(
        &self,
        stored: &mut Stored,
        scope: &MaintenanceScope,
        now: Timestamp,
    ) -> Result<bool, CommitError> {
        let set = stored.maintenance(scope).value;
        let timed = Timed::Maintenance(scope.clone());
        self.write_due::<Maintenances>(stored, scope, &timed, &set, now)
            .await
    }

    /// Writes the transitions up to `now` into the audit log, if no other process has and the record is unchanged.
    async fn write_due<K: Kind>(
        &self,
        stored: &mut Stored,
        key: &K::Key,
        timed: &Timed,
        state: &impl Course,
        now: Timestamp,
    ) -> Result<bool, CommitError>
    where
        Records: Holds<K>,
    {
        let by = By::new(Origin::scheduler());
        let mut tx = Tx::new(self, stored, &by);
        tx.now = now;
        let known = tx.stored.records.schedules.get(timed);
        let lines = match known.map(|known| known.value.logged_until) {
            // A window that is not followed yet, such as a declared one: start now.
            None => {
                tx.mark(timed, state);
                Vec::new()
            }
            Some(logged_until) => {
                let lines = timed.lines(state, logged_until, now);
                if !lines.is_empty() || state.next_change(now).is_none() {
                    tx.mark(timed, state);
                }
                lines
            }
        };
        if tx.is_empty() {
            return Ok(false);
        }
        let is_due = !lines.is_empty();
        if is_due {
            tx.announce::<K>(key);
        }
        tx.audit_transitions(timed, lines);
        tx.expect::<K>(key);
        match tx.commit().await {
            Ok(_) => Ok(is_due),
            // Another process wrote them or changed the state, or the store was replaced.
            Err(CommitError::Conflict { .. } | CommitError::Replaced { .. }) => {
                self.behind.notify_one();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// The pause before a failed commit is retried.
const RETRY: std::time::Duration = std::time::Duration::from_secs(1);

/// Wakes at every transition and every snapshot, while the engine lives.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let (clock, mut version) = (inner.clock.clone(), inner.channels.versions());
    drop(inner);
    let mut time_passed = true;
    loop {
        version.borrow_and_update();
        let Some(inner) = engine.upgrade() else {
            return;
        };
        let (failed, further) = match inner.make_due_changes(time_passed).await {
            Ok(next) => {
                inner.monitor.recover(Component::Scheduler);
                (false, next)
            }
            Err(error) => {
                inner
                    .monitor
                    .degrade(Component::Scheduler, &error, clock.now());
                (true, None)
            }
        };
        let next = next_boundary(&inner).into_iter().chain(further).min();
        drop(inner);
        let boundary = async {
            match next {
                Some(next) => clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        let retry = async {
            if failed {
                tokio::time::sleep(RETRY).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = boundary => time_passed = true,
            () = retry => {}
            changed = version.changed() => match changed {
                Ok(()) => time_passed = false,
                Err(_) => return,
            },
        }
    }
}

fn next_boundary(inner: &Arc<Inner>) -> Option<Timestamp> {
    let snapshot = inner.snapshot.load();
    let of_routes = snapshot.timed().map(|(_, next)| next);
    let of_maintenance = snapshot.maintenances();
    let of_maintenance = of_maintenance.filter_map(|(_, maintained)| maintained.next_change);
    of_routes.chain(of_maintenance).min()
}
