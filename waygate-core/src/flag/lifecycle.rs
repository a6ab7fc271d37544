use std::time::Duration;

use jiff::Timestamp;

use super::{model::Flag, words::words};

words! {
    /// The age of a flag, derived from its definition and its use. Its owner sets [`FlagStatus`](super::FlagStatus).
    pub enum Lifecycle: "lifecycle" {
        /// Created lately, and never evaluated.
        New = "new",
        /// In use.
        Active = "active",
        /// Temporary, and not evaluated for a long time, or with the same result for a long time.
        Stale = "stale",
        /// Past its expiry date.
        Expired = "expired",
    }
}

/// The use of a flag.
///
/// ```
/// use waygate_core::flag::{Activity, Flag, FlagType, Lifecycle, LifecycleRules, lifecycle};
///
/// let flag = Flag::new("search".parse()?, FlagType::Boolean);
/// let activity = Activity { last_evaluated: "2030-01-01T00:00:00Z".parse().ok(), ..Activity::default() };
/// let now = "2030-01-02T00:00:00Z".parse()?;
/// assert_eq!(lifecycle(&flag, activity, LifecycleRules::default(), now), Lifecycle::Active);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    /// The time of the last evaluation.
    pub last_evaluated: Option<Timestamp>,
    /// The time since which all evaluations had the same variation.
    pub same_variation_since: Option<Timestamp>,
    /// The time since which evaluations are seen; `None` if none was missed.
    pub observed_since: Option<Timestamp>,
}

/// The ages at which flags change their lifecycle.
///
/// ```
/// use std::time::Duration;
///
/// use waygate_core::flag::LifecycleRules;
///
/// let rules = LifecycleRules { stale_after: Duration::from_secs(90 * 24 * 60 * 60), ..LifecycleRules::default() };
/// assert_eq!(rules.new_for, Duration::from_secs(7 * 24 * 60 * 60));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleRules {
    /// The time for which a flag is new: 7 days by default.
    pub new_for: Duration,
    /// The time after which a flag is stale: 30 days by default.
    pub stale_after: Duration,
}

impl Default for LifecycleRules {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            new_for: Duration::from_secs(7 * DAY),
            stale_after: Duration::from_secs(30 * DAY),
        }
    }
}

/// Returns the lifecycle of a flag at a time.
///
/// ```
/// use waygate_core::flag::{Activity, Flag, FlagType, Lifecycle, LifecycleRules, lifecycle};
///
/// let mut flag = Flag::new("search".parse()?, FlagType::Boolean);
/// flag.created_at = "2030-01-01T00:00:00Z".parse().ok();
/// let at = |now: &str| lifecycle(&flag, Activity::default(), LifecycleRules::default(), now.parse().unwrap());
/// assert_eq!(at("2030-01-02T00:00:00Z"), Lifecycle::New);
/// assert_eq!(at("2030-03-01T00:00:00Z"), Lifecycle::Stale);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
pub fn lifecycle(
    flag: &Flag,
    activity: Activity,
    rules: LifecycleRules,
    now: Timestamp,
) -> Lifecycle {
    let passed = |since: Option<Timestamp>, time: Duration| {
        since.is_some_and(|since| since.saturating_add(time).is_ok_and(|end| end <= now))
    };
    if flag.expires_at.is_some_and(|expiry| expiry <= now) {
        return Lifecycle::Expired;
    }
    let unused_since = flag.created_at.max(activity.observed_since);
    let used = activity.last_evaluated.or(unused_since);
    let stale =
        passed(used, rules.stale_after) || passed(activity.same_variation_since, rules.stale_after);
    if flag.temporary && stale {
        return Lifecycle::Stale;
    }
    let old = passed(flag.created_at, rules.new_for);
    match activity.last_evaluated {
        None if !old => Lifecycle::New,
        _ => Lifecycle::Active,
    }
}
