use jiff::Timestamp;

/// The choices of an import from flagd.
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
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            round_weights: false,
        }
    }
}
