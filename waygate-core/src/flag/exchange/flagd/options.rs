use jiff::Timestamp;

/// The choices of an import from flagd.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::exchange::{FlagdOptions, from_flagd};
///
/// let document = json!({"flags": {"thirds": {
///     "state": "ENABLED", "variants": {"a": 1, "b": 2, "c": 3}, "defaultVariant": "a",
///     "targeting": {"fractional": [["a"], ["b"], ["c"]]},
/// }}});
/// let mut options = FlagdOptions::new("2030-01-01T00:00:00Z".parse().unwrap());
/// assert_eq!(from_flagd(&document, options).refused.len(), 1);
/// options.round_weights = true;
/// assert_eq!(from_flagd(&document, options).document.flags.len(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlagdOptions {
    /// The time of the import. Conditions on `$flagd.timestamp` that change later become scheduled changes.
    pub now: Timestamp,
    /// Rounds parts of `fractional` that do not end at a whole bucket of 100,000, such as thirds. Up to one of 100,000
    /// contexts moves at each end. By default such flags are refused.
    pub round_weights: bool,
}

impl FlagdOptions {
    /// Creates the options of an import that moves no context.
    ///
    /// ```
    /// use waygate_core::flag::exchange::FlagdOptions;
    ///
    /// let now = "2030-01-01T00:00:00Z".parse().unwrap();
    /// let options = FlagdOptions::new(now);
    /// assert!(options.now == now && !options.round_weights);
    /// ```
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            round_weights: false,
        }
    }
}
