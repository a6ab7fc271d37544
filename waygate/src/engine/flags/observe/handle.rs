//! Facts about evaluations, for applications.

use waygate_core::{Timestamp, flag::Context};

use super::{
    exposures::Exposure, facts::FlagFacts, live::FlagEvaluation, missing::MissingFlags,
    stream::Observations, usage::FlagUsage,
};
use crate::engine::{Waygate, flags::Flags, snapshot::Snapshot};

impl Waygate {
    /// Subscribes to exposures: each subject once per flag and variation within the
    /// [window](crate::flags::FlagObservation::exposures), for tools that evaluate experiments. Contexts without a
    /// targeting key, or with one of more than 1,024 bytes, have none, nor have results with an error.
    ///
    /// The memory is fixed. If it is too small, a subject is reported again within the window.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// use waygate::{Waygate, flags::{EvaluationContext, Flag}};
    ///
    /// # let search = Flag::parse(&json!({
    /// #     "key": "search", "name": "New search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "on",
    /// # }))?;
    /// let waygate = Waygate::builder().seed_flags([search]).build().await?;
    /// let mut exposures = waygate.exposures();
    /// let flags = waygate.flags();
    /// for user in ["user-1", "user-1", "user-2"] {
    ///     flags.evaluate("search", &EvaluationContext::new(user));
    /// }
    /// for user in ["user-1", "user-2"] {
    ///     let seen = exposures.next().await.expect("an exposure");
    ///     assert_eq!(seen.item().map(|exposure| &*exposure.targeting_key), Some(user));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exposures(&self) -> Observations<Exposure> {
        let facts = &self.inner.flag_facts;
        let exposures = facts.exposures.channel.subscribe(facts.follower());
        facts.follow();
        exposures
    }

    /// Subscribes to evaluations of flags: a sample of at most a hundred in a second. Costs nothing while there is no
    /// subscriber.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// use waygate::{Waygate, flags::{EvaluationContext, Flag}};
    ///
    /// # let search = Flag::parse(&json!({
    /// #     "key": "search", "name": "New search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "on",
    /// # }))?;
    /// let waygate = Waygate::builder().seed_flags([search]).build().await?;
    /// let mut evaluations = waygate.flag_evaluations();
    /// waygate.flags().evaluate("search", &EvaluationContext::new("user-1"));
    /// let seen = evaluations.next().await.expect("an evaluation");
    /// let seen = seen.item().expect("none was missed");
    /// assert_eq!((seen.flag_key.as_str(), seen.variation.as_deref()), ("search", Some("on")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flag_evaluations(&self) -> Observations<FlagEvaluation> {
        let facts = &self.inner.flag_facts;
        let evaluations = facts.live.channel.subscribe(facts.follower());
        facts.follow();
        evaluations
    }
}

impl Flags {
    /// Returns the use of a flag in this process; `None` if there is no such flag, or if this process keeps no facts.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// use waygate::{Waygate, flags::{EvaluationContext, Flag}};
    ///
    /// waygate::flags! {
    ///     /// The results on a page.
    ///     pub PAGE_SIZE: i64 = 20 { key = "page-size" }
    /// }
    ///
    /// # let page_size = Flag::parse(&json!({
    /// #     "key": "page-size", "name": "Page size", "type": "string",
    /// #     "variations": [{"name": "large", "value": "a hundred"}], "off_variation": "large", "fallthrough": "large",
    /// # }))?;
    /// // An operator has stored strings as its values.
    /// let waygate = Waygate::builder().seed_flags([page_size]).build().await?;
    /// let (flags, user) = (waygate.flags(), EvaluationContext::new("user-1"));
    /// assert_eq!(PAGE_SIZE.get(&flags.for_context(&user)), 20);
    /// let usage = flags.usage("page-size").expect("a flag");
    /// assert_eq!((usage.evaluations, usage.defaults), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage(&self, key: &str) -> Option<FlagUsage> {
        let flag = self.set().flag(key)?.definition();
        self.facts().usage(flag, self.now())
    }

    /// Returns the use of all flags in this process, by key.
    pub fn usages(&self) -> Vec<FlagUsage> {
        let (facts, now) = (self.facts(), self.now());
        usages(facts, self.snapshot(), now)
    }

    /// Returns the evaluations of flags that do not exist.
    pub fn missing(&self) -> MissingFlags {
        self.facts().missing()
    }

    /// Counts an event of a subject, such as an order with its amount, for each variation to which the subject was
    /// exposed within the window (OpenFeature: tracking). Returns their number. See [`usage`](Self::usage) for the counts.
    ///
    /// Exposures are recorded with [`FlagObservation::exposures`](crate::flags::FlagObservation::exposures). At most 100 different names are counted, of at most
    /// 128 bytes each. The cost grows with the number of variations that were served.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// use std::time::Duration;
    /// use waygate::{Waygate, flags::{EvaluationContext, Flag, FlagObservation}};
    ///
    /// # let search = Flag::parse(&json!({
    /// #     "key": "search", "name": "New search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "on",
    /// # }))?;
    /// let observation = FlagObservation::new().exposures(Duration::from_secs(3_600));
    /// let waygate = Waygate::builder().observe_flags(observation).seed_flags([search]).build().await?;
    /// let (flags, user) = (waygate.flags(), EvaluationContext::new("user-1"));
    /// flags.evaluate("search", &user);
    /// assert_eq!(flags.track("order", &user, Some(12.5)), 1);
    /// let usage = flags.usage("search").expect("a flag");
    /// assert_eq!(usage.variations[0].conversions[0].sum, 12.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn track<C: Context + ?Sized>(&self, name: &str, context: &C, value: Option<f64>) -> usize {
        let facts = self.facts();
        let Some(key) = context.key(None) else {
            return 0;
        };
        let subject = facts.secret.hash((context.kind(), key));
        facts.exposures.track(subject, name, value)
    }
}

fn usages(facts: &FlagFacts, snapshot: &Snapshot, now: Timestamp) -> Vec<FlagUsage> {
    let flags = snapshot.records.flags.iter();
    flags
        .filter_map(|(_, flag)| facts.usage(&flag.value, now))
        .collect()
}

#[cfg(feature = "metrics")]
impl crate::engine::Inner {
    /// Returns the use of all flags in this process, by key.
    pub(crate) fn flag_usages(&self) -> Vec<FlagUsage> {
        usages(&self.flag_facts, &self.snapshot.load(), self.clock.now())
    }
}
