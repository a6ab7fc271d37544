use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use serde::Serialize;
use waygate_core::{
    flag::{ErrorCode, FlagKey, Reason, Resolution},
    port::Clock,
};

use super::{stream::Channel, subject::Subject};

/// The most evaluations in a tenth of a second: a hundred in a second.
const MOST: u32 = 10;

/// One evaluation, as [`flag_evaluations`](crate::Waygate::flag_evaluations) reports it.
///
/// ```
/// use waygate::flags::FlagEvaluation;
///
/// fn line(seen: &FlagEvaluation) -> String {
///     let variation = seen.variation.as_deref().unwrap_or("an error");
///     format!("{} gave {variation} ({}), after {} others", seen.flag_key, seen.reason, seen.skipped)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FlagEvaluation {
    /// The key of the flag.
    pub flag_key: FlagKey,
    /// The name of the variation; `None` if an error left no result.
    pub variation: Option<String>,
    /// The reason.
    pub reason: Reason,
    /// The id of the rule that matched.
    pub rule_id: Option<String>,
    /// The error.
    pub error: Option<ErrorCode>,
    /// The subject, hashed with a secret of the process, as 16 hexadecimal digits; `None` without a targeting key.
    pub subject: Option<String>,
    /// The number of evaluations since the last reported one that were left out.
    pub skipped: u64,
}

/// The sample of evaluations for subscribers.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) channel: Channel<FlagEvaluation>,
    clock: Arc<dyn Clock>,
    /// The current tenth of a second, and the evaluations in it.
    tenth: AtomicU64,
    count: AtomicU32,
    skipped: AtomicU64,
}

impl Live {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            channel: Channel::new(),
            clock,
            tenth: AtomicU64::new(0),
            count: AtomicU32::new(0),
            skipped: AtomicU64::new(0),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.channel.is_open()
    }

    pub(super) fn close(&self) {
        self.channel.close();
    }

    pub(super) fn see(&self, subject: Option<&Subject<'_>>, resolution: &Resolution<'_>) {
        if !self.channel.may_be_open() {
            return;
        }
        if !self.has_room() {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Ok(flag_key) = resolution.flag_key().parse() else {
            return;
        };
        self.channel.send(FlagEvaluation {
            flag_key,
            variation: resolution.variation().map(str::to_owned),
            reason: resolution.reason(),
            rule_id: resolution.rule_id().map(str::to_owned),
            error: resolution.error(),
            subject: subject.map(|subject| format!("{:016x}", subject.hash)),
            skipped: self.skipped.swap(0, Ordering::Relaxed),
        });
    }

    fn has_room(&self) -> bool {
        let now = self.clock.monotonic().as_millis() / 100;
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        if self.tenth.swap(now, Ordering::Relaxed) != now {
            self.count.store(0, Ordering::Relaxed);
        }
        self.count.load(Ordering::Relaxed) < MOST
            && self.count.fetch_add(1, Ordering::Relaxed) < MOST
    }
}
