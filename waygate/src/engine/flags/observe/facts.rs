use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use waygate_core::{
    Timestamp,
    flag::{CompiledFlag, Context, FlagKey, FlagSet, LifecycleRules, Observer, Resolution},
    port::Clock,
};

use super::{
    exposures::Exposures,
    history::History,
    live::Live,
    missing::{Missing, MissingFlags},
    options::FlagObservation,
    seen::Seen,
    subject::{Secret, Subject},
};

/// The facts of all flags in this process, in bounded memory.
#[derive(Debug)]
pub(crate) struct FlagFacts {
    options: FlagObservation,
    since: Timestamp,
    histories: Mutex<HashMap<FlagKey, History>>,
    missing: Missing,
    pub(super) exposures: Exposures,
    pub(super) live: Live,
    pub(super) seen: Seen,
    pub(super) secret: Secret,
    /// Makes evaluations report themselves.
    is_active: Arc<AtomicBool>,
}

impl FlagFacts {
    pub(crate) fn new(options: FlagObservation, clock: &Arc<dyn Clock>) -> Arc<Self> {
        let facts = Self {
            since: clock.now(),
            histories: Mutex::default(),
            missing: Missing::default(),
            exposures: Exposures::new(&options, clock.clone()),
            live: Live::new(clock.clone()),
            seen: Seen::new(options.seen, clock.clone()),
            secret: Secret::random(),
            is_active: Arc::default(),
            options,
        };
        facts.follow();
        Arc::new(facts)
    }

    /// Attaches the observer to a set.
    pub(crate) fn observe(self: &Arc<Self>, set: &mut FlagSet) {
        if self.is_on() {
            set.observe(self.clone(), self.is_active.clone());
        }
    }

    /// Attaches the counters of its key to a flag.
    pub(crate) fn count(&self, flag: CompiledFlag) -> CompiledFlag {
        if !self.options.counts {
            return flag;
        }
        let mut histories = self.histories();
        let history = match histories.get_mut(&flag.definition().key) {
            Some(history) => history,
            None => {
                let key = flag.definition().key.clone();
                histories.entry(key).or_insert_with(|| History::new(&flag))
            }
        };
        let tally = history.tally(&flag);
        flag.counted(tally)
    }

    /// Forgets a deleted flag.
    pub(crate) fn forget(&self, key: &FlagKey) {
        self.histories().remove(key);
        self.exposures.forget(key);
    }

    /// Notes the evaluations since the last look.
    pub(super) fn look(&self, now: Timestamp) {
        for history in self.histories().values_mut() {
            history.look(now);
        }
    }

    pub(super) fn with_history<T>(
        &self,
        key: &FlagKey,
        read: impl FnOnce(&mut History) -> T,
    ) -> Option<T> {
        self.histories().get_mut(key).map(read)
    }

    pub(super) fn missing(&self) -> MissingFlags {
        self.missing.list()
    }

    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    pub(super) fn rules(&self) -> LifecycleRules {
        self.options.lifecycle
    }

    pub(super) fn is_on(&self) -> bool {
        self.options.counts || self.options.exposures || self.options.seen > 0
    }

    /// Starts or stops the reports of evaluations after the interest in them has changed.
    pub(super) fn follow(&self) {
        let is_active = self.exposures.is_on() || self.live.is_on() || self.seen.is_on();
        self.is_active.store(is_active, Ordering::Relaxed);
    }

    /// Returns a call of [`follow`](Self::follow) for a subscriber that goes.
    pub(super) fn follower(self: &Arc<Self>) -> impl Fn() + Send + Sync + use<> {
        let facts = Arc::downgrade(self);
        move || {
            if let Some(facts) = facts.upgrade() {
                facts.follow();
            }
        }
    }

    /// Ends all subscriptions.
    pub(crate) fn close(&self) {
        self.exposures.close();
        self.live.close();
        self.follow();
    }

    fn histories(&self) -> MutexGuard<'_, HashMap<FlagKey, History>> {
        self.histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for FlagFacts {
    #[cold]
    fn evaluated(&self, context: &dyn Context, resolution: &Resolution<'_>) {
        let subject = context.key(None).map(|key| Subject {
            key,
            kind: context.kind(),
            hash: self.secret.hash((context.kind(), key)),
        });
        self.live.see(subject.as_ref(), resolution);
        if let Some(subject) = subject {
            self.exposures.see(&self.secret, &subject, resolution);
            self.seen.see(&self.secret, &subject, context);
        }
    }

    fn missing(&self, key: &str) {
        self.missing.count(key);
    }
}
