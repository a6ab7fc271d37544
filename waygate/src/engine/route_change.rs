use waygate_core::{
    Printable, Timestamp,
    model::{Action, Dropped, LimitScope, RouteKey, RouteOverride, RouteState, RouteStatus},
    transition::{Refused, RouteCommand, transition},
};

use super::{
    ChangeError, Registered, ResolveError, RouteRecord,
    kinds::{ConcurrencyLimits, Generations, RateLimits, Routes, Schedules, Timed},
    limits::{ends_maintenance, policies_of},
    listing,
    nearest::nearest,
    snapshot::{Slot, Snapshot},
    store::json,
    tx::{Attempt, Change, Tx},
};

/// A command on one route.
pub(crate) struct RouteChange {
    pub(crate) key: RouteKey,
    pub(crate) command: RouteCommand,
}

impl Change for RouteChange {
    type Done = RouteRecord;

    fn subject(&self) -> String {
        self.key.to_string()
    }

    async fn attempt(&self, tx: Tx<'_>) -> Result<RouteRecord, Attempt> {
        let Self { key, command } = self;
        let (engine, now, is_staged) = (tx.engine, tx.now, tx.is_staged());
        let snapshot = tx.snapshot();
        let found = Found::find(&tx, &snapshot, key)?;
        let (route, current) = (found.route, found.current);
        let next = transition(&current.state, &route.declared, command, now)
            .map_err(|refused| refuse(&route.key, refused))?;
        let may_be_idle = matches!(
            command,
            RouteCommand::CancelSchedule { .. } | RouteCommand::EndMaintenance { .. }
        );
        if may_be_idle && next == current.state {
            tx.confirm::<Routes>(&route.key).await?;
            return Ok(found.show(&snapshot, now)?);
        }
        let next = Next {
            state: next,
            action: command.action(),
            reason: command.audit_reason(),
            is_reset: matches!(command, RouteCommand::Reset),
        };
        let record = found.store(tx, next).await?;
        let warning = match command {
            RouteCommand::EnvOnly { .. } => engine.misspelled(&record.key, &record.state),
            _ => None,
        };
        if let Some(warning) = warning.as_ref().filter(|_| !is_staged) {
            tracing::warn!(
                route = %Printable(&record.key), warning = %Printable(warning),
                "the change may not do what was intended"
            );
        }
        Ok(RouteRecord { warning, ..record })
    }
}

/// Restores a state of a route from the audit log.
pub(crate) struct RouteRestore {
    pub(crate) key: RouteKey,
    pub(crate) state: RouteState,
    pub(crate) reason: String,
}

impl Change for RouteRestore {
    type Done = RouteRecord;

    fn subject(&self) -> String {
        self.key.to_string()
    }

    async fn attempt(&self, tx: Tx<'_>) -> Result<RouteRecord, Attempt> {
        let now = tx.now;
        let snapshot = tx.snapshot();
        let found = Found::find(&tx, &snapshot, &self.key)?;
        let declared = &found.route.declared;
        // Only the code decides about that.
        let state = self.state.clone().force_active(declared.force_active);
        let is_reset = state == *declared;
        let action = match state.status(now) {
            _ if is_reset => Action::Reset,
            RouteStatus::Maintenance => Action::MaintenanceOn,
            RouteStatus::Disabled => Action::Disable,
            RouteStatus::EnvGated => Action::EnvGate,
            _ => Action::Enable,
        };
        let next = Next {
            state,
            action,
            reason: self.reason.clone(),
            is_reset,
        };
        found.store(tx, next).await
    }
}

/// A route to change.
struct Found<'a> {
    slot: usize,
    route: &'a Registered,
    current: &'a Slot,
}

/// The state of a route after a change.
struct Next {
    state: RouteState,
    action: Action,
    reason: String,
    /// `true` if the declaration applies.
    is_reset: bool,
}

impl<'a> Found<'a> {
    /// Finds a route that may be changed at the revision that the author expects.
    fn find(tx: &Tx<'_>, snapshot: &'a Snapshot, key: &RouteKey) -> Result<Self, ChangeError> {
        let slot = snapshot.table.resolve(key)?;
        let gone = || ChangeError::from(ResolveError::not_registered(key, None));
        let route = snapshot.table.route(slot).ok_or_else(gone)?;
        let current = snapshot.slot(slot).ok_or_else(gone)?;
        tx.check(route.key.as_str(), Some(current.revision))?;
        if snapshot.table.is_protected(slot) {
            let key = route.key.clone();
            return Err(ChangeError::Protected { key });
        }
        Ok(Self {
            slot,
            route,
            current,
        })
    }

    fn show(&self, snapshot: &Snapshot, now: Timestamp) -> Result<RouteRecord, ChangeError> {
        let record = listing::of_slot(snapshot, self.slot, now);
        record.ok_or_else(|| ResolveError::not_registered(&self.route.key, None).into())
    }

    /// Writes the next state.
    async fn store(self, mut tx: Tx<'_>, next: Next) -> Result<RouteRecord, Attempt> {
        let (route, current, now) = (self.route, self.current, tx.now);
        let timed = Timed::Route(route.key.clone());
        tx.follow(&timed, &current.state, &next.state);
        let dropped = Dropped::between(&current.state, &next.state, now);
        let mut entry = tx.line(next.action, route.key.as_str());
        entry.service = route.key.service().map(str::to_owned);
        entry.previous_status = Some(current.state.status(now));
        entry.new_status = Some(next.state.status(now));
        entry.previous = Some(json(&current.state));
        entry.new = Some(json(&next.state));
        entry.dropped = (!dropped.is_empty()).then(|| json(&dropped));
        entry.reason = next.reason;
        let is_end = ends_maintenance(current.state.status(now), next.state.status(now));
        tx.audit(entry);
        if is_end {
            tx.reset_after_maintenance(&timed);
        }
        // Without its own record, it would be closed because of an unreadable one.
        if next.is_reset && !tx.stored.is_in_doubt(&route.key) {
            tx.delete::<Routes>(&route.key);
        } else {
            let (state, declared) = (next.state, route.declared.clone());
            tx.put::<Routes>(&route.key, &RouteOverride { state, declared });
        }
        let (_, snapshot) = tx.commit_seen().await?;
        let record = self.show(&snapshot, now)?;
        Ok(RouteRecord { dropped, ..record })
    }
}

/// Deletes the records of a route that no longer exists in the code.
pub(crate) struct Purge(pub(crate) RouteKey);

impl Change for Purge {
    type Done = ();

    fn subject(&self) -> String {
        self.0.to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<(), Attempt> {
        let Self(key) = self;
        let snapshot = tx.snapshot();
        if let Some(slot) = snapshot.table.exact(key) {
            let current = snapshot.slot(slot).map(|current| current.revision);
            tx.check(key.as_str(), current)?;
            let key = key.to_string();
            return Err(ChangeError::from(ResolveError::NotOrphaned { key }).into());
        }
        let Some(known) = listing::orphan(tx.stored, key, tx.now) else {
            let orphans = listing::orphans(&snapshot, tx.stored, tx.now);
            let orphans = orphans.iter().map(|orphan| &orphan.key);
            return Err(ChangeError::from(ResolveError::not_registered(
                key,
                nearest(key, orphans),
            ))
            .into());
        };
        tx.check(key.as_str(), Some(known.revision.number))?;
        tx.delete::<Routes>(key);
        tx.delete::<Schedules>(&Timed::Route(key.clone()));
        // Limits on one method of a route for all methods are kept.
        if snapshot.table.limited(key).is_none() {
            let scope = LimitScope::Route(key.clone());
            let records = &tx.stored.records;
            let rates = policies_of(&records.rate_limits, &scope);
            let concurrency = policies_of(&records.concurrency_limits, &scope);
            let generations = policies_of(&records.generations, &scope);
            rates.iter().for_each(|key| tx.delete::<RateLimits>(key));
            concurrency
                .iter()
                .for_each(|key| tx.delete::<ConcurrencyLimits>(key));
            generations
                .iter()
                .for_each(|key| tx.delete::<Generations>(key));
        }
        let mut entry = tx.line(Action::Purge, key.as_str());
        entry.service = key.service().map(str::to_owned);
        entry.previous = Some(json(&known.state));
        tx.audit(entry);
        tx.commit().await?;
        Ok(())
    }
}

fn refuse(key: &RouteKey, refused: Refused) -> ChangeError {
    let key = key.clone();
    match refused {
        Refused::ForceActive => ChangeError::Protected { key },
        refused => ChangeError::Refused { key, refused },
    }
}
