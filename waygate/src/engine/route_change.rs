use waygate_core::{
    Printable,
    model::{Action, Dropped, LimitScope, RouteKey, RouteOverride},
    transition::{Refused, RouteCommand, transition},
};

use super::{
    ChangeError, ResolveError, RouteRecord,
    kinds::{ConcurrencyLimits, Generations, RateLimits, Routes, Schedules, Timed},
    limits::{ends_maintenance, policies_of},
    listing,
    nearest::nearest,
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

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<RouteRecord, Attempt> {
        let Self { key, command } = self;
        let (engine, now) = (tx.engine, tx.now);
        let snapshot = engine.snapshot.load_full();
        let slot = snapshot.table.resolve(key).map_err(ChangeError::from)?;
        let gone = || ChangeError::from(ResolveError::not_registered(key, None));
        let route = snapshot.table.route(slot).ok_or_else(gone)?;
        let current = snapshot.slot(slot).ok_or_else(gone)?;
        let show = |snapshot| listing::of_slot(snapshot, slot, now).ok_or_else(gone);
        tx.check(route.key.as_str(), Some(current.revision))?;
        if snapshot.table.is_protected(slot) {
            let key = route.key.clone();
            return Err(ChangeError::Protected { key }.into());
        }
        let next = transition(&current.state, &route.declared, command, now)
            .map_err(|refused| refuse(&route.key, refused))?;
        let may_be_idle = matches!(
            command,
            RouteCommand::CancelSchedule { .. } | RouteCommand::EndMaintenance { .. }
        );
        if may_be_idle && next == current.state {
            tx.confirm(|stored| stored.expected::<Routes>(&route.key))
                .await?;
            return Ok(show(&snapshot)?);
        }
        let timed = Timed::Route(route.key.clone());
        tx.follow(&timed, &current.state, &next);
        let dropped = Dropped::between(&current.state, &next, now);
        let mut entry = tx.line(command.action(), route.key.as_str());
        entry.service = route.key.service().map(str::to_owned);
        entry.previous_status = Some(current.state.status(now));
        entry.new_status = Some(next.status(now));
        entry.previous = Some(json(&current.state));
        entry.new = Some(json(&next));
        entry.dropped = (!dropped.is_empty()).then(|| json(&dropped));
        entry.reason = command.audit_reason();
        let is_end = ends_maintenance(current.state.status(now), next.status(now));
        tx.audit(entry);
        if is_end {
            tx.reset_after_maintenance(&timed);
        }
        // Without its own record, it would be closed because of an unreadable one.
        if matches!(command, RouteCommand::Reset) && !tx.stored.is_in_doubt(&route.key) {
            tx.delete::<Routes>(&route.key);
        } else {
            let state = next;
            let declared = route.declared.clone();
            tx.put::<Routes>(&route.key, &RouteOverride { state, declared });
        }
        tx.commit().await?;
        let record = show(&engine.snapshot.load())?;
        let warning = match command {
            RouteCommand::EnvOnly { .. } => engine.misspelled(&record.key, &record.state),
            _ => None,
        };
        if let Some(warning) = &warning {
            tracing::warn!(
                route = %Printable(&record.key), warning = %Printable(warning),
                "the change may not do what was intended"
            );
        }
        Ok(RouteRecord {
            warning,
            dropped,
            ..record
        })
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
        let snapshot = tx.engine.snapshot.load_full();
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
