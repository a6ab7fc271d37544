use jiff::Timestamp;

use super::{Invalid, format_wire, parse_instant};

/// A span of time with `start < end`: the start belongs to it, the end does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    start: Timestamp,
    end: Timestamp,
}

impl Interval {
    /// The interval from `start` up to, and without, `end`.
    ///
    /// # Errors
    /// [`Invalid`] when `end` is not after `start`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, Invalid> {
        if start < end {
            return Ok(Self { start, end });
        }
        let text = format!("{}/{}", format_wire(start, "Z"), format_wire(end, "Z"));
        Err(Invalid::new(
            "window",
            &text,
            "the window must end after it starts",
        ))
    }

    /// The interval between two RFC 3339 instants.
    ///
    /// # Errors
    /// [`Invalid`] when a text is no instant, or the end is not after the start.
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

    /// Whether `instant` lies in `start..end`.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }
}
