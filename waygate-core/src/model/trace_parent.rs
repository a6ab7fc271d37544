use std::{
    fmt,
    num::{NonZeroU64, NonZeroU128},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::grammar::Invalid;

/// The trace and the span of a request: the value of the header `traceparent` (W3C Trace Context, section 3.2).
///
/// A value of a later version is read as far as it is known, and written as version `00`.
///
/// ```
/// use waygate_core::model::TraceParent;
///
/// let value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parent: TraceParent = value.parse()?;
/// assert!(parent.is_sampled());
/// assert_eq!(format!("{:032x}", parent.trace_id()), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(parent.to_string(), value);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: NonZeroU128,
    span_id: NonZeroU64,
    flags: u8,
}

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;
/// The flags that are known, the second from level 2 of the specification: a random trace id.
const KNOWN: u8 = SAMPLED | 2;

impl TraceParent {
    /// A span of a trace.
    ///
    /// ```
    /// use std::num::{NonZeroU64, NonZeroU128};
    /// use waygate_core::model::TraceParent;
    ///
    /// let parent = TraceParent::new(NonZeroU128::MIN, NonZeroU64::MIN, false);
    /// assert_eq!(parent.to_string(), "00-00000000000000000000000000000001-0000000000000001-00");
    /// ```
    pub fn new(trace_id: NonZeroU128, span_id: NonZeroU64, is_sampled: bool) -> Self {
        Self {
            trace_id,
            span_id,
            flags: u8::from(is_sampled),
        }
    }

    /// The id of the trace.
    pub fn trace_id(&self) -> NonZeroU128 {
        self.trace_id
    }

    /// Returns `true` if the caller may have recorded the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    fn read(value: &str) -> Option<Self> {
        const LENGTH: usize = 55;
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let [version, trace, span, flags] = fields(known)?;
        let is_whole = match version {
            "00" => rest.is_empty(),
            "ff" => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let parent = Self {
            trace_id: u128::from_str_radix(trace, 16).ok()?.try_into().ok()?,
            span_id: u64::from_str_radix(span, 16).ok()?.try_into().ok()?,
            flags: u8::from_str_radix(flags, 16).ok()? & KNOWN,
        };
        is_whole.then_some(parent)
    }
}

/// The four fields, if all have their length and are lower-case hexadecimal.
fn fields(known: &str) -> Option<[&str; 4]> {
    let mut fields = known.split('-');
    let mut field = |length: usize| {
        let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        fields
            .next()
            .filter(|field| field.len() == length && field.bytes().all(is_hex))
    };
    Some([field(2)?, field(32)?, field(16)?, field(2)?])
}

impl FromStr for TraceParent {
    type Err = Invalid;

    fn from_str(value: &str) -> Result<Self, Invalid> {
        let form = "must be `00-<trace id>-<span id>-<flags>` in lower-case hexadecimal, with ids that are not zero";
        Self::read(value).ok_or_else(|| Invalid::new("traceparent", value, form))
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            span_id,
            flags,
        } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

impl Serialize for TraceParent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceParent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = String::deserialize(deserializer)?;
        value.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_value_of_a_later_version_is_written_as_version_zero() {
        let written = |value: String| value.parse::<TraceParent>().unwrap().to_string();
        for (given, flags) in [
            (format!("00-{TRACE}-00f067aa0ba902b7-00"), "00"),
            (format!("00-{TRACE}-00f067aa0ba902b7-01"), "01"),
            (format!("00-{TRACE}-00f067aa0ba902b7-ff"), "03"),
            (format!("01-{TRACE}-00f067aa0ba902b7-01"), "01"),
            (format!("cc-{TRACE}-00f067aa0ba902b7-01-later"), "01"),
        ] {
            let expected = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
            assert_eq!(written(given), expected);
        }
    }

    #[test]
    fn an_invalid_value_is_an_error() {
        let invalid = [
            String::new(),
            format!("00-{TRACE}-00f067aa0ba902b7-01-later"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("01-{TRACE}-00f067aa0ba902b7-01later"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-00f067aa0ba902b7-1"),
            format!("00_{TRACE}_00f067aa0ba902b7_01"),
            format!("00-{TRACE}-00f067aa0ba902b7-0é"),
            format!("0-0{TRACE}-00f067aa0ba902b7-01"),
            format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]),
        ];
        for value in invalid {
            let error = value.parse::<TraceParent>().unwrap_err();
            assert!(error.problem().contains("00-<trace id>"), "{value}");
        }
    }
}
