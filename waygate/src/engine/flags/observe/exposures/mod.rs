//! Exposures: the first evaluation of a flag with a variation for a subject.

mod counts;
mod table;

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde::Serialize;
use waygate_core::{
    Timestamp,
    flag::{FlagKey, Reason, Resolution},
    port::Clock,
};

use self::{counts::Counts, table::Table};
use super::{
    options::FlagObservation,
    stream::Channel,
    subject::{Secret, Subject},
    usage::Conversion,
};

/// The most bytes of a targeting key, and of the name of an event.
const MAX_KEY: usize = 1_024;
const MAX_NAME: usize = 128;

/// A subject had a variation of a flag, for the first time within the window.
///
/// ```
/// use waygate::flags::Exposure;
///
/// fn row(exposure: &Exposure) -> String {
///     let Exposure { at, flag_key, variation, targeting_key, .. } = exposure;
///     format!("{at},{flag_key},{variation},{targeting_key}")
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Exposure {
    /// The time.
    pub at: Timestamp,
    /// The key of the flag.
    pub flag_key: FlagKey,
    /// The name of the variation.
    pub variation: String,
    /// The reason of the result.
    pub reason: Reason,
    /// The id of the rule that matched.
    pub rule_id: Option<String>,
    /// The kind of the primary context.
    pub kind: String,
    /// Its key, as the application has passed it.
    pub targeting_key: String,
}

/// The exposures of this process.
#[derive(Debug)]
pub(super) struct Exposures {
    pub(super) channel: Channel<Exposure>,
    clock: Arc<dyn Clock>,
    /// Recorded without subscribers, too.
    is_kept: bool,
    entries: usize,
    /// In milliseconds.
    window: u64,
    table: OnceLock<Table>,
    counts: Mutex<Counts>,
    has_any: AtomicBool,
}

impl Exposures {
    pub(super) fn new(options: &FlagObservation, clock: Arc<dyn Clock>) -> Self {
        Self {
            channel: Channel::new(),
            clock,
            is_kept: options.exposures,
            entries: options.subjects,
            window: u64::try_from(options.window.as_millis()).unwrap_or(u64::MAX),
            table: OnceLock::new(),
            counts: Mutex::default(),
            has_any: AtomicBool::new(false),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_kept || self.channel.is_open()
    }

    pub(super) fn close(&self) {
        self.channel.close();
    }

    pub(super) fn see(&self, secret: &Secret, subject: &Subject<'_>, resolution: &Resolution<'_>) {
        if !self.is_kept && !self.channel.may_be_open() {
            return;
        }
        let Some(variation) = resolution.variation() else {
            return;
        };
        if resolution.error().is_some() || subject.key.len() > MAX_KEY {
            return;
        }
        let flag = resolution.flag_key();
        let variant = secret.hash((flag, variation));
        if !self
            .table()
            .insert(both(subject.hash, variant), self.step())
        {
            return;
        }
        self.lock().expose(flag, variation, variant);
        self.has_any.store(true, Ordering::Relaxed);
        if self.channel.may_be_open()
            && let Ok(flag_key) = flag.parse()
        {
            self.channel.send(Exposure {
                at: self.clock.now(),
                flag_key,
                variation: variation.to_owned(),
                reason: resolution.reason(),
                rule_id: resolution.rule_id().map(str::to_owned),
                kind: subject.kind.to_owned(),
                targeting_key: subject.key.to_owned(),
            });
        }
    }

    pub(super) fn track(&self, subject: u64, name: &str, value: Option<f64>) -> usize {
        if !self.has_any.load(Ordering::Relaxed) || name.len() > MAX_NAME {
            return 0;
        }
        let (table, now) = (self.table(), self.step());
        let was_exposed = |variant| table.contains(both(subject, variant), now);
        self.lock().convert(name, value, was_exposed)
    }

    /// Returns the exposures and conversions of a variation.
    pub(super) fn of(&self, flag: &FlagKey, variation: &str) -> (u64, Vec<Conversion>) {
        self.lock().of(flag, variation)
    }

    pub(super) fn forget(&self, flag: &FlagKey) {
        self.lock().forget(flag);
    }

    fn table(&self) -> &Table {
        self.table
            .get_or_init(|| Table::new(self.entries, self.window.div_ceil(self.step_length())))
    }

    /// The time in steps: a thousandth of the window, or a millisecond.
    fn step(&self) -> u64 {
        let now = self.clock.monotonic().as_millis();
        u64::try_from(now).unwrap_or(u64::MAX) / self.step_length()
    }

    fn step_length(&self) -> u64 {
        (self.window / 1_000).max(1)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Joins the hashes of a subject and a variant.
fn both(subject: u64, variant: u64) -> u64 {
    let product = u128::from(subject ^ 0x9e37_79b9_7f4a_7c15) * u128::from(variant | 1);
    (product >> 64) as u64 ^ product as u64 ^ variant
}
