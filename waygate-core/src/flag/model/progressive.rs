use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::text::{instant, maybe_instant};

/// A rollout that grows with time, without any writes: from `baseline` to `variation`.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Flag;
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "off",
///     "progressive": {
///         "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
///         "stages": [{"after_seconds": 0, "weight": 1000}, {"after_seconds": 3600, "weight": 100000}],
///     },
/// }))?;
/// let progressive = flag.progressive.unwrap();
/// assert_eq!(progressive.weight("2029-12-31T23:59:59Z".parse().unwrap()), 0);
/// assert_eq!(progressive.weight("2030-01-01T00:59:59Z".parse().unwrap()), 1_000);
/// assert_eq!(progressive.weight("2030-01-01T01:00:00Z".parse().unwrap()), 100_000);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Progressive {
    /// The name of the variation that grows.
    pub variation: String,
    /// The name of the variation of the rest.
    pub baseline: String,
    /// The time from which stages count.
    #[serde(with = "instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub start: Timestamp,
    /// The stages, in order; their weights never fall.
    pub stages: Vec<Stage>,
    /// Grows evenly between stages, instead of in steps.
    pub linear: bool,
    /// Times during which the rollout stands still, by their start.
    pub holds: Vec<Hold>,
}

/// A stage of a progressive rollout.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Flag;
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": "off",
///     "progressive": {
///         "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
///         "stages": [{"after_seconds": 0, "weight": 1_000}, {"after_seconds": 3600, "weight": 100_000}],
///     },
/// }))?;
/// let progressive = flag.progressive.expect("a progressive rollout");
/// assert_eq!(progressive.stages[1].after_seconds, 3600);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Stage {
    /// The time after the start, in seconds, without holds.
    pub after_seconds: u64,
    /// The number of buckets of the variation, of 100,000.
    pub weight: u32,
}

/// A time during which a progressive rollout stands still.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Flag;
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": "off",
///     "progressive": {
///         "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
///         "stages": [{"after_seconds": 0, "weight": 1_000}, {"after_seconds": 3600, "weight": 100_000}],
///     },
/// }))?;
/// let mut progressive = flag.progressive.expect("a progressive rollout");
/// progressive.hold("2030-01-01T00:30:00Z".parse().unwrap());
/// assert_eq!(progressive.holds[0].until, None);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Hold {
    /// The start.
    #[serde(with = "instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub from: Timestamp,
    /// The end; `None` until it is resumed.
    #[serde(with = "maybe_instant")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub until: Option<Timestamp>,
}

impl Progressive {
    /// Returns the number of buckets of the variation at a time, of 100,000. It never falls with time.
    pub fn weight(&self, now: Timestamp) -> u32 {
        let Some(elapsed) = self.elapsed(now) else {
            return 0;
        };
        let passed = self.stages.iter().rev();
        let mut passed = passed.skip_while(|stage| millis(stage) > elapsed);
        let Some(last) = passed.next() else {
            return 0;
        };
        let next = self.stages.iter().find(|stage| millis(stage) > elapsed);
        match next {
            Some(next) if self.linear => between(*last, *next, elapsed),
            _ => last.weight,
        }
    }

    /// Stops the growth from `now` on. Returns whether it was growing.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use waygate_core::flag::Flag;
    /// # let flag = Flag::parse(&json!({
    /// #     "key": "search", "name": "Search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "off",
    /// #     "progressive": {
    /// #         "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
    /// #         "stages": [{"after_seconds": 0, "weight": 1_000}, {"after_seconds": 3600, "weight": 100_000}],
    /// #     },
    /// # }))?;
    /// # let mut progressive = flag.progressive.expect("a progressive rollout");
    /// let at = |time: &str| time.parse().unwrap();
    /// assert!(progressive.hold(at("2030-01-01T00:30:00Z")));
    /// assert!(progressive.is_held(at("2030-01-01T05:00:00Z")));
    /// assert!(progressive.resume(at("2030-01-01T06:00:00Z")));
    /// assert_eq!(progressive.weight(at("2030-01-01T06:29:59Z")), 1_000);
    /// assert_eq!(progressive.weight(at("2030-01-01T06:30:00Z")), 100_000);
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    pub fn hold(&mut self, now: Timestamp) -> bool {
        let held = self.is_held(now);
        if !held {
            let later = self.holds.partition_point(|hold| hold.from <= now);
            let hold = Hold {
                from: now,
                until: None,
            };
            self.holds.insert(later, hold);
        }
        !held
    }

    /// Continues from `now` on with the weight at which it was stopped. Returns whether it was stopped.
    pub fn resume(&mut self, now: Timestamp) -> bool {
        let held = self.is_held(now);
        for hold in self.holds.iter_mut().filter(|hold| hold.covers(now)) {
            hold.until = Some(now);
        }
        held
    }

    /// Returns whether the growth is stopped.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.holds.iter().any(|hold| hold.covers(now))
    }

    /// Returns the milliseconds since the start, without holds; `None` before the start.
    fn elapsed(&self, now: Timestamp) -> Option<i128> {
        let since_start = now.duration_since(self.start);
        if since_start.is_negative() {
            return None;
        }
        // Overlapping holds count once: each starts at the end of those before it, if that is later.
        let mut counted = self.start;
        let mut held = SignedDuration::ZERO;
        for hold in &self.holds {
            let from = hold.from.max(counted);
            let until = hold.until.unwrap_or(now).min(now);
            if from < until {
                held += until.duration_since(from);
                counted = until;
            }
        }
        Some((since_start - held).as_millis())
    }
}

impl Hold {
    fn covers(&self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

fn millis(stage: &Stage) -> i128 {
    i128::from(stage.after_seconds) * 1_000
}

/// Returns the weight between two stages, rounded down.
fn between(last: Stage, next: Stage, elapsed: i128) -> u32 {
    let growth = i128::from(next.weight) - i128::from(last.weight);
    let done = growth * (elapsed - millis(&last)) / (millis(&next) - millis(&last));
    let weight = i128::from(last.weight) + done;
    u32::try_from(weight).unwrap_or(last.weight)
}
