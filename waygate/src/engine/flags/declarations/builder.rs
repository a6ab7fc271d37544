use waygate_core::flag::{Flag, Segment};

use crate::engine::{WaygateBuilder, flags::FlagObservation};

impl WaygateBuilder {
    /// Writes these flags at the start, each if the store has none of its key. Flags that operators have changed stay as
    /// they are. All processes of a store together write a flag once. Checked by `build`.
    ///
    /// A flag that needs another one which the store has in a different form is not written; the log and
    /// [`Component::Flags`](crate::health::Component::Flags) show it. While the store is unreachable, the flags are
    /// missing; they are written as soon as it is back. The audit log has no lines about them, unless
    /// [`audit_seeds`](Self::audit_seeds) is set.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use serde_json::json;
    /// use waygate::{Waygate, flags::{EvaluationContext, Flag, FlagObservation, Segment}};
    ///
    /// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta", "included": ["user-1"]}))?;
    /// let search = Flag::parse(&json!({
    ///     "key": "search", "name": "New search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "on",
    /// }))?;
    /// let observation = FlagObservation::new().seen_contexts(100);
    /// let builder = Waygate::builder().seed_segments([beta]).seed_flags([search]).audit_seeds(true);
    /// let waygate = builder.observe_flags(observation).build().await?;
    /// let flags = waygate.flags();
    /// let resolution = flags.evaluate("search", &EvaluationContext::new("user-1"));
    /// assert_eq!(resolution.expect("a flag").as_bool(), Ok(true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seed_flags(mut self, flags: impl IntoIterator<Item = Flag>) -> Self {
        self.seeds.flags.extend(flags);
        self
    }

    /// Writes these segments at the start, like [`seed_flags`](Self::seed_flags).
    pub fn seed_segments(mut self, segments: impl IntoIterator<Item = Segment>) -> Self {
        self.seeds.segments.extend(segments);
        self
    }

    /// Writes an audit line, by `system`, for each [seeded](Self::seed_flags) flag and segment. Default: off.
    pub fn audit_seeds(mut self, audit: bool) -> Self {
        self.seeds.is_audited = audit;
        self
    }

    /// Sets the facts about evaluations that this process keeps. Default: [`FlagObservation::new`].
    pub fn observe_flags(mut self, observation: FlagObservation) -> Self {
        self.flag_observation = observation;
        self
    }
}
