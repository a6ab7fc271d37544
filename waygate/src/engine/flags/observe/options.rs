use std::time::Duration;

use waygate_core::flag::LifecycleRules;

/// The facts about evaluations of flags that a process keeps, all in bounded memory.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::time::Duration;
/// use waygate::{Waygate, flags::{FlagObservation, LifecycleRules}};
///
/// let observation = FlagObservation::new()
///     .exposures(Duration::from_secs(24 * 60 * 60))
///     .exposure_memory(1_000_000)
///     .seen_contexts(1_000)
///     .lifecycle(LifecycleRules::default());
/// let waygate = Waygate::builder().observe_flags(observation).build().await?;
/// assert!(waygate.flags().usages().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "options do nothing until they are passed to a builder"]
pub struct FlagObservation {
    pub(super) counts: bool,
    pub(super) exposures: bool,
    pub(super) window: Duration,
    pub(super) subjects: usize,
    pub(super) seen: usize,
    pub(super) lifecycle: LifecycleRules,
}

impl FlagObservation {
    /// Counts evaluations; records no exposures and no contexts. The default.
    pub fn new() -> Self {
        Self {
            counts: true,
            exposures: false,
            window: Duration::from_secs(24 * 60 * 60),
            subjects: 65_536,
            seen: 0,
            lifecycle: LifecycleRules::default(),
        }
    }

    /// Keeps no facts.
    pub fn off() -> Self {
        Self {
            counts: false,
            ..Self::new()
        }
    }

    /// Records exposures from the start, for counts and conversions: each subject counts once per flag and variation
    /// within the window. Without this, exposures are only recorded while there is a
    /// [subscriber](crate::Waygate::exposures), with a window of a day. An evaluation then takes some 50 ns longer.
    pub fn exposures(mut self, window: Duration) -> Self {
        self.exposures = true;
        self.window = window;
        self
    }

    /// Sets the number of exposures that are remembered, each of 8 bytes. Beyond, the oldest of those that share a cache
    /// line are forgotten, and may be recorded again within the window. Default: 65,536.
    pub fn exposure_memory(mut self, exposures: usize) -> Self {
        self.subjects = exposures;
        self
    }

    /// Remembers up to this many recently seen contexts, for [previews](crate::flags::Flags::preview_seen): the
    /// attributes that the flags read, and their keys as hashes with a secret of the process. The attributes are kept as
    /// they are, in memory only. Default: 0.
    pub fn seen_contexts(mut self, contexts: usize) -> Self {
        self.seen = contexts;
        self
    }

    /// Sets the ages at which flags change their lifecycle.
    pub fn lifecycle(mut self, rules: LifecycleRules) -> Self {
        self.lifecycle = rules;
        self
    }
}

impl Default for FlagObservation {
    fn default() -> Self {
        Self::new()
    }
}
