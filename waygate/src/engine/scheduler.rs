//! Tells of what time changes. Decisions do not depend on this task: they derive from the clock.

use std::{
    collections::BTreeSet,
    fmt,
    str::FromStr,
    sync::{Arc, Weak},
};

use waygate_core::{
    Timestamp,
    grammar::Invalid,
    model::{
        Action, AuditEntry, GlobalMaintenance, LimitScope, Origin, RouteKey, RouteState,
        RouteStatus,
    },
    port::{Batch, CommitError, EntityKey, Expected},
};

use super::{
    Component, Inner,
    change::{entry, json, schedule_value},
    maintenance::{self, MaintenanceScope},
    publish::Touched,
    stored::{Stored, kind},
};

/// Whose state time changes. Its name, under which the store keeps up to when that was told, is a route's key, `*` for
/// everything, or `service:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Timed {
    Route(RouteKey),
    Maintenance(MaintenanceScope),
}

impl Timed {
    pub(crate) fn entity(&self) -> EntityKey {
        EntityKey::of(kind::SCHEDULE, self)
    }

    /// A line for the audit log about what time has done.
    fn line(&self, to: RouteStatus, now: Timestamp) -> AuditEntry {
        let origin = Origin::scheduler();
        match self {
            Self::Route(key) => {
                let action = match to {
                    RouteStatus::Maintenance => Action::MaintenanceOn,
                    RouteStatus::Disabled => Action::Disable,
                    _ => Action::Enable,
                };
                AuditEntry {
                    service: key.service().map(str::to_owned),
                    ..entry(&origin, action, key.as_str(), now)
                }
            }
            Self::Maintenance(scope) => {
                let action = scope.switched(to == RouteStatus::Maintenance);
                AuditEntry {
                    service: scope.service().map(ToString::to_string),
                    ..entry(&origin, action, &scope.audit_path(), now)
                }
            }
        }
    }
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(key) => key.fmt(f),
            Self::Maintenance(scope) => LimitScope::from(scope).fmt(f),
        }
    }
}

impl FromStr for Timed {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        Ok(match name.parse()? {
            LimitScope::Route(key) => Self::Route(key),
            LimitScope::Global => Self::Maintenance(MaintenanceScope::Global),
            LimitScope::Service(name) => Self::Maintenance(MaintenanceScope::Service(name)),
        })
    }
}

/// A state that time changes.
pub(crate) trait Course {
    fn status(&self, at: Timestamp) -> RouteStatus;

    /// Why it is so; may be empty.
    fn reason(&self, at: Timestamp) -> String;

    /// The first instant after this one at which it may be another.
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

/// One step that time has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Transition {
    at: Timestamp,
    from: RouteStatus,
    to: RouteStatus,
}

/// The steps of a state in `after..=now`.
fn transitions(state: &impl Course, after: Timestamp, now: Timestamp) -> Vec<Transition> {
    let mut steps = Vec::new();
    let mut last = after;
    while let Some(at) = state.next_change(last).filter(|at| *at <= now) {
        let (from, to) = (state.status(last), state.status(at));
        if from != to {
            steps.push(Transition { at, from, to });
        }
        last = at;
    }
    steps
}

impl Timed {
    /// Lines for the audit log about steps that have not been told yet.
    fn lines(&self, state: &impl Course, after: Timestamp, now: Timestamp) -> Vec<AuditEntry> {
        let steps = transitions(state, after, now);
        let line = |step: Transition| {
            let late = now.duration_since(step.at).as_millis();
            AuditEntry {
                previous_status: Some(step.from),
                new_status: Some(step.to),
                reason: state.reason(step.at),
                new: Some(json(&serde_json::json!({ "at": step.at, "late_ms": late }))),
                ..self.line(step.to, now)
            }
        };
        steps.into_iter().map(line).collect()
    }

    /// Adds to a change's batch what the schedule needs: lines for steps before the change that nobody has
    /// told of yet, and the mark from which on to tell afterwards.
    pub(crate) fn follow<C: Course>(
        &self,
        batch: &mut Batch,
        stored: &Stored,
        before: &C,
        after: &C,
        now: Timestamp,
    ) {
        if let Some(known) = stored.schedules.get(self) {
            let told_until = known.value.told_until;
            batch.audit.extend(self.lines(before, told_until, now));
        }
        self.mark(batch, stored, after, now);
    }

    /// Notes in the batch that everything up to `now` has been told.
    fn mark(&self, batch: &mut Batch, stored: &Stored, state: &impl Course, now: Timestamp) {
        let entity = self.entity();
        let expected = stored.expected_schedule(self);
        if state.next_change(now).is_some() {
            batch.expected.push((entity.clone(), expected));
            batch.puts.push((entity, schedule_value(now)));
        } else if expected != Expected::Absent {
            batch.expected.push((entity.clone(), expected));
            batch.deletes.push(entity);
        }
    }
}

impl Inner {
    /// Tells of every step up to now, each exactly once over all processes of the store: the mark moves
    /// on by compare-and-set in the same commit as the lines. Returns when time next changes a maintenance.
    async fn tell_transitions(&self) -> Result<Option<Timestamp>, CommitError> {
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
        // First the picture, so that whoever hears of a step sees it.
        if !passed.is_empty() || !passed_scopes.is_empty() {
            let touched = Touched {
                slots: passed.clone(),
                levels: false,
            };
            self.publish_next(&stored, &touched);
        } else {
            // Time may have ended the maintenance of another service, which no picture shows.
            self.note_unmatched(&snapshot);
        }
        let mut due: Vec<usize> = snapshot.timed().map(|(slot, _)| slot).collect();
        let mut scopes: BTreeSet<MaintenanceScope> = passed_scopes.iter().cloned().collect();
        for timed in stored.schedules.keys() {
            match timed {
                Timed::Route(key) => due.extend(snapshot.table.exact(key)),
                Timed::Maintenance(scope) => drop(scopes.insert(scope.clone())),
            }
        }
        let pending = |(_, set): &(_, &GlobalMaintenance)| set.next_change(now).is_some();
        let pending = stored.maintenances().filter(pending);
        scopes.extend(pending.map(|(scope, _)| scope));
        due.sort_unstable();
        due.dedup();
        for slot in due {
            let told = self.tell_route(&mut stored, slot, now).await?;
            if !told && passed.contains(&slot) {
                // Another process has told the audit log; our subscribers hear of it from us.
                self.send_route(&self.snapshot.load(), slot, None);
            }
        }
        for scope in scopes {
            let told = self.tell_maintenance(&mut stored, &scope, now).await?;
            if !told && passed_scopes.contains(&scope) {
                let maintenance = stored.maintenance(&scope).value.at(now);
                self.send(scope.event(maintenance, stored.revision, None));
            }
        }
        let next = stored.maintenances();
        Ok(next.filter_map(|(_, set)| set.next_change(now)).min())
    }

    /// Returns whether there was something to tell, and this process told it.
    async fn tell_route(
        &self,
        stored: &mut Stored,
        slot: usize,
        now: Timestamp,
    ) -> Result<bool, CommitError> {
        let snapshot = self.snapshot.load_full();
        let (Some(route), Some(current)) = (snapshot.table.route(slot), snapshot.slot(slot)) else {
            return Ok(false);
        };
        // What time does to a route whose record cannot be read is not known.
        if stored.held(&route.key).is_some() {
            return Ok(false);
        }
        let owner = (
            EntityKey::of(kind::ROUTE, &route.key),
            stored.expected_route(&route.key),
        );
        let timed = Timed::Route(route.key.clone());
        let told = self
            .tell(stored, &timed, &current.state, owner, now)
            .await?;
        let snapshot = self.snapshot.load();
        let is_told = !told.is_empty();
        for line in told {
            self.send_route(&snapshot, slot, Some(Box::new(line)));
        }
        Ok(is_told)
    }

    /// The same for maintenance of everything or of a service.
    async fn tell_maintenance(
        &self,
        stored: &mut Stored,
        scope: &MaintenanceScope,
        now: Timestamp,
    ) -> Result<bool, CommitError> {
        let set = stored.maintenance(scope).value;
        let owner = (scope.entity(), stored.expected_maintenance(scope));
        let timed = Timed::Maintenance(scope.clone());
        let told = self.tell(stored, &timed, &set, owner, now).await?;
        let is_told = !told.is_empty();
        for line in told {
            let audit = Some(Box::new(line));
            self.send(scope.event(set.at(now), stored.revision, audit));
        }
        Ok(is_told)
    }

    /// Tells the audit log of the steps up to now, if nobody has, and if `owner` is as expected. Returns the lines.
    async fn tell(
        &self,
        stored: &mut Stored,
        timed: &Timed,
        state: &impl Course,
        owner: (EntityKey, Expected),
        now: Timestamp,
    ) -> Result<Vec<AuditEntry>, CommitError> {
        let mut batch = Batch::default();
        match stored.schedules.get(timed) {
            // A window that nobody has followed yet, such as a declared one: begin with now.
            None => timed.mark(&mut batch, stored, state, now),
            Some(known) => {
                batch.audit = timed.lines(state, known.value.told_until, now);
                let over = state.next_change(now).is_none();
                if !batch.audit.is_empty() || over {
                    timed.mark(&mut batch, stored, state, now);
                }
            }
        }
        if batch.expected.is_empty() {
            return Ok(Vec::new());
        }
        batch.expected.push(owner);
        let audit = batch.audit.clone();
        match self.commit(stored, batch).await {
            Ok(revision) => {
                let numbered = audit.into_iter().map(|line| AuditEntry {
                    revision: revision.number,
                    ..line
                });
                Ok(numbered.collect())
            }
            // Another process told of it, or changed it, or the store is another one.
            Err(CommitError::Conflict { .. } | CommitError::Replaced { .. }) => {
                self.behind.notify_one();
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

/// How long to wait before the store is asked again for a commit that failed.
const RETRY: std::time::Duration = std::time::Duration::from_secs(1);

/// Wakes at every boundary, and whenever the picture changes, for as long as the engine lives.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let (clock, mut version) = (inner.clock.clone(), inner.channels.versions());
    drop(inner);
    loop {
        version.borrow_and_update();
        let Some(inner) = engine.upgrade() else {
            return;
        };
        let (failed, of_maintenance) = match inner.tell_transitions().await {
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
        let next = next_boundary(&inner)
            .into_iter()
            .chain(of_maintenance)
            .min();
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
            () = boundary => {}
            () = retry => {}
            changed = version.changed() => if changed.is_err() { return },
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
