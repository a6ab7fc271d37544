use jiff::Timestamp;

use super::{Invalid, format_wire, instant::storable, parse_instant};

/// A span of time with `start < end`, including the start and excluding the end.
///
/// Both are whole microseconds of the years 0 to 9999, so that storing loses nothing.
///
/// ```
/// use waygate_core::grammar::Interval;
///
/// let night = Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z")?;
/// assert_eq!(night, Interval::new(night.start(), night.end())?);
/// assert!(night.contains(night.start()) && !night.contains(night.end()));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    start: Timestamp,
    end: Timestamp,
}

impl Interval {
    /// Creates the interval `start..end`, both truncated to microseconds.
    ///
    /// # Errors
    /// [`Invalid`] if `end` is not after `start`, or a year is before 0.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, Invalid> {
        let problem = match (storable(start), storable(end)) {
            (Some(start), Some(end)) if start < end => return Ok(Self { start, end }),
            (Some(_), Some(_)) => "the window must end after it starts",
            _ => "the window must lie in the years 0 to 9999",
        };
        let text = format!("{}/{}", format_wire(start, "Z"), format_wire(end, "Z"));
        Err(Invalid::new("window", &text, problem))
    }

    /// Parses the interval between two RFC 3339 instants.
    ///
    /// # Errors
    /// [`Invalid`] if a text is not an instant, or the end is not after the start.
    pub fn parse(start: &str, end: &str) -> Result<Self, Invalid> {
        Self::new(parse_instant(start)?, parse_instant(end)?)
    }

    /// The first instant of the interval.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// The first instant after the interval.
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Returns whether `instant` is in `start..end`.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(nanos: i128) -> Timestamp {
        Timestamp::from_nanosecond(nanos).unwrap()
    }

    #[test]
    fn contains_its_start_and_not_its_end() {
        let interval =
            Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00+01:00").unwrap();
        let nanosecond = jiff::SignedDuration::from_nanos(1);
        assert!(interval.contains(interval.start()));
        assert!(!interval.contains(interval.start() - nanosecond));
        assert!(interval.contains(interval.end() - nanosecond));
        assert!(!interval.contains(interval.end()));
    }

    #[test]
    fn is_never_empty_nor_reversed() {
        for (start, end) in [
            ("2030-01-01T02:00:00Z", "2030-01-01T02:00:00Z"),
            ("2030-01-01T02:00:00Z", "2030-01-01T01:59:59Z"),
            ("2030-01-01T02:00:00Z", "2030-01-01T03:00:00+01:00"),
        ] {
            let error = Interval::parse(start, end).unwrap_err();
            assert_eq!(error.problem(), "the window must end after it starts");
        }
        assert_eq!(
            Interval::parse("2030-01-01T02:00:00Z", "2029-01-01T02:00:00Z")
                .unwrap_err()
                .to_string(),
            "invalid window `2030-01-01T02:00:00Z/2029-01-01T02:00:00Z`: the window must end after \
             it starts"
        );
    }

    #[test]
    fn names_the_invalid_text() {
        let error = Interval::parse("2030-01-01T02:00:00Z", "later").unwrap_err();
        assert!(error.to_string().starts_with("invalid instant `later`: "));
    }

    #[test]
    fn is_truncated_to_microseconds() {
        let interval = Interval::new(nanos(1_999), nanos(2_001)).unwrap();
        assert_eq!(
            (interval.start(), interval.end()),
            (nanos(1_000), nanos(2_000))
        );
        assert!(Interval::new(nanos(1_001), nanos(1_999)).is_err());
    }

    #[test]
    fn has_years_from_0_to_9999() {
        let error = Interval::new(Timestamp::MIN, nanos(0)).unwrap_err();
        assert_eq!(
            error.problem(),
            "the window must lie in the years 0 to 9999"
        );
        assert!(Interval::new(nanos(0), Timestamp::MAX).is_ok());
    }
}
