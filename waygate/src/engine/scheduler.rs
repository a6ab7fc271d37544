//! Tells of what time changes. Decisions do not depend on this task: they derive from the clock.

use std::sync::{Arc, Weak};

use waygate_core::{
    Timestamp,
    model::{Action, AuditEntry, Origin, RouteKey, RouteState, RouteStatus},
    port::{Batch, CommitError, EntityKey, Expected},
};

use super::{
    Component, Inner,
    change::{entry, json, schedule_value},
    publish::Touched,
    stored::{Stored, kind},
};

/// One step that time has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Transition {
    at: Timestamp,
    from: RouteStatus,
    to: RouteStatus,
}

/// The steps of a route in `after..=now`.
fn transitions(state: &RouteState, after: Timestamp, now: Timestamp) -> Vec<Transition> {
    let mut steps = Vec::new();
    let mut last = after;
    while let Some(at) = state.position.next_change(last).filter(|at| *at <= now) {
        let (from, to) = (state.status(last), state.status(at));
        if from != to {
            steps.push(Transition { at, from, to });
        }
        last = at;
    }
    steps
}

/// Lines for the audit log about steps that have not been told yet.
fn lines(key: &RouteKey, state: &RouteState, after: Timestamp, now: Timestamp) -> Vec<AuditEntry> {
    let steps = transitions(state, after, now);
    let line = |step: Transition| {
        let action = match step.to {
            RouteStatus::Maintenance => Action::MaintenanceOn,
            RouteStatus::Disabled => Action::Disable,
            _ => Action::Enable,
        };
        let late = now.duration_since(step.at).as_millis();
        AuditEntry {
            service: key.service().map(str::to_owned),
            previous_status: Some(step.from),
            new_status: Some(step.to),
            reason: state.position.effective(step.at).reason().to_string(),
            new: Some(json(&serde_json::json!({ "at": step.at, "late_ms": late }))),
            ..entry(&Origin::scheduler(), action, key.as_str(), now)
        }
    };
    steps.into_iter().map(line).collect()
}

/// Adds to a change's batch what the schedule needs: lines for steps before the change that nobody has
/// told of yet, and the mark from which on to tell afterwards.
pub(crate) fn follow(
    batch: &mut Batch,
    stored: &Stored,
    key: &RouteKey,
    before: &RouteState,
    after: &RouteState,
    now: Timestamp,
) {
    let known = stored.schedules.get(key);
    if let Some(known) = known {
        batch
            .audit
            .extend(lines(key, before, known.value.told_until, now));
    }
    mark(batch, stored, key, after, now);
}

/// Notes in the batch that everything up to `now` has been told.
fn mark(batch: &mut Batch, stored: &Stored, key: &RouteKey, state: &RouteState, now: Timestamp) {
    let entity = EntityKey::of(kind::SCHEDULE, key);
    let expected = stored.expected_schedule(key);
    if state.position.next_change(now).is_some() {
        batch.expected.push((entity.clone(), expected));
        batch.puts.push((entity, schedule_value(now)));
    } else if expected != Expected::Absent {
        batch.expected.push((entity.clone(), expected));
        batch.deletes.push(entity);
    }
}

impl Inner {
    /// Tells of every step up to now, each exactly once over all processes of the store: the mark moves
    /// on by compare-and-set in the same commit as the lines.
    pub(crate) async fn tell_transitions(&self) -> Result<(), CommitError> {
        let mut stored = self.stored.lock().await;
        let snapshot = self.snapshot.load_full();
        let now = self.clock.now();
        let mut passed = Vec::new();
        for (slot, next) in snapshot.timed() {
            if next <= now {
                passed.push(slot);
            }
        }
        // First the picture, so that whoever hears of a step sees it.
        if !passed.is_empty() {
            let touched = Touched {
                slots: passed.clone(),
                levels: false,
            };
            self.publish_next(&stored, &touched);
        }
        let mut due: Vec<usize> = snapshot.timed().map(|(slot, _)| slot).collect();
        due.extend(
            stored
                .schedules
                .keys()
                .filter_map(|key| snapshot.table.exact(key)),
        );
        due.sort_unstable();
        due.dedup();
        for slot in due {
            let told = self.tell_route(&mut stored, slot, now).await?;
            if !told && passed.contains(&slot) {
                // Another process has told the audit log; our subscribers hear of it from us.
                self.send_route(&self.snapshot.load(), slot, None);
            }
        }
        Ok(())
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
        let mut batch = Batch::default();
        match stored.schedules.get(&route.key) {
            // A declared window that nobody has followed yet: begin with now.
            None => mark(&mut batch, stored, &route.key, &current.state, now),
            Some(known) => {
                let told_until = known.value.told_until;
                batch.audit = lines(&route.key, &current.state, told_until, now);
                let over = current.state.position.next_change(now).is_none();
                if !batch.audit.is_empty() || over {
                    mark(&mut batch, stored, &route.key, &current.state, now);
                }
            }
        }
        if batch.expected.is_empty() {
            return Ok(false);
        }
        let entity = EntityKey::of(kind::ROUTE, &route.key);
        batch
            .expected
            .push((entity, stored.expected_route(&route.key)));
        let audit = batch.audit.clone();
        match self.commit(stored, batch).await {
            Ok(revision) => {
                let snapshot = self.snapshot.load();
                let told = !audit.is_empty();
                for line in audit {
                    let line = AuditEntry {
                        revision: revision.number,
                        ..line
                    };
                    self.send_route(&snapshot, slot, Some(Box::new(line)));
                }
                Ok(told)
            }
            // Another process told of it, or changed the route, or the store is another one.
            Err(CommitError::Conflict { .. } | CommitError::Replaced { .. }) => {
                self.behind.notify_one();
                Ok(false)
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
        let failed = match inner.tell_transitions().await {
            Ok(()) => {
                inner.monitor.recover(Component::Scheduler);
                false
            }
            Err(error) => {
                inner
                    .monitor
                    .degrade(Component::Scheduler, &error, clock.now());
                true
            }
        };
        let next = next_boundary(&inner);
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
    inner.snapshot.load().timed().map(|(_, next)| next).min()
}
