use serde::Serialize;
use waygate_core::{
    Timestamp,
    flag::{FlagKey, Lifecycle, Reason},
};

/// The use of a flag in this process since it started.
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
/// let flags = waygate.flags();
/// flags.evaluate("search", &EvaluationContext::new("user-1"));
/// let usage = flags.usage("search").expect("a flag");
/// assert_eq!((usage.evaluations, usage.lifecycle.as_str()), (1, "active"));
/// assert_eq!((usage.variations[0].name.as_str(), usage.variations[0].evaluations), ("on", 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FlagUsage {
    /// The key of the flag.
    pub key: FlagKey,
    /// The evaluations, without previews, explanations and prerequisites of other flags.
    pub evaluations: u64,
    /// The evaluations with an error.
    pub errors: u64,
    /// The results of another type than requested, in place of which the caller had its default.
    pub defaults: u64,
    /// The evaluations of each variation of the flag.
    pub variations: Vec<VariationUsage>,
    /// The time of the last evaluation, up to ten seconds late; `None` if there was none since the process started.
    pub last_evaluated: Option<Timestamp>,
    /// The time since which all evaluations had the same variation.
    pub same_variation_since: Option<Timestamp>,
    /// The lifecycle, which follows from the age and the use of the flag. The process cannot know about earlier
    /// evaluations, so that no flag is stale before the process has run for that time.
    pub lifecycle: Lifecycle,
}

/// The use of a variation.
///
/// ```
/// use waygate::flags::{FlagUsage, VariationUsage};
///
/// /// Returns the share of a variation in the current minute, of all evaluations.
/// fn share(usage: &FlagUsage, variation: &VariationUsage) -> Option<f64> {
///     let now = |it: &VariationUsage| it.per_minute.last().copied().unwrap_or(0);
///     let all: u32 = usage.variations.iter().map(now).sum();
///     (all > 0).then(|| f64::from(now(variation)) / f64::from(all))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VariationUsage {
    /// The name of the variation.
    pub name: String,
    /// Its evaluations.
    pub evaluations: u64,
    /// Its evaluations by reason: the reasons that the flag can have now, and those that it had.
    pub reasons: Vec<ReasonUsage>,
    /// Its evaluations in each of the last 15 minutes by the clock, the current one last. A sampler counts them every
    /// ten seconds.
    pub per_minute: Vec<u32>,
    /// Its exposures: subjects that had it, each once within the window.
    pub exposures: u64,
    /// The conversions of subjects that had it, by name.
    pub conversions: Vec<Conversion>,
}

/// The evaluations of a variation with one reason.
///
/// ```
/// use waygate::flags::{Reason, VariationUsage};
///
/// /// Returns the share of the subjects that were targeted.
/// fn targeted(usage: &VariationUsage) -> Option<f64> {
///     let of = usage.reasons.iter().find(|it| it.reason == Reason::TargetingMatch)?;
///     (usage.evaluations > 0).then(|| of.evaluations as f64 / usage.evaluations as f64)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReasonUsage {
    /// The reason (OpenFeature).
    pub reason: Reason,
    /// The evaluations.
    pub evaluations: u64,
}

/// The events of one name of the subjects that were exposed to a variation.
///
/// ```
/// use waygate::flags::VariationUsage;
///
/// /// Returns the orders per exposed subject.
/// fn rate(usage: &VariationUsage) -> Option<f64> {
///     let order: &waygate::flags::Conversion = usage.conversions.iter().find(|it| it.name == "order")?;
///     (usage.exposures > 0).then(|| order.count as f64 / usage.exposures as f64)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Conversion {
    /// The name of the event.
    pub name: String,
    /// The number of events.
    pub count: u64,
    /// The sum of their values.
    pub sum: f64,
}

impl Conversion {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            count: 0,
            sum: 0.0,
        }
    }
}
