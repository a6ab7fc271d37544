//! Whole numbers of JSON that would lose their value.

use std::{fmt, ops::Range};

/// A whole number of a JSON document that does not fit in 64 bits. A parser would round it to a floating-point number.
///
/// Numbers with a fraction or an exponent are floating-point numbers, as JSON is usually read: the nearest value of 64
/// bits.
///
/// ```
/// use waygate_core::InexactNumber;
///
/// let exact = br#"{"id": 18446744073709551615, "share": 0.1, "text": "18446744073709551616"}"#;
/// assert_eq!(InexactNumber::find(exact), None);
///
/// let inexact = InexactNumber::find(br#"{"users": [{"id": 1}, {"id": 18446744073709551616}]}"#).expect("one");
/// assert_eq!(inexact.pointer, "/users/1/id");
/// assert_eq!(inexact.number, "18446744073709551616");
/// assert!(InexactNumber::is("18446744073709551616") && !InexactNumber::is("1e20"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InexactNumber {
    /// Its place, as a JSON pointer (RFC 6901); at most the first 400 characters, and `…`.
    pub pointer: String,
    /// Its digits; at most the first 40.
    pub number: String,
}

/// The most digits and the most characters of a pointer that an error repeats.
const SHOWN: usize = 40;
const SHOWN_POINTER: usize = 400;

impl InexactNumber {
    /// Returns the first whole number outside of the range from -2⁶³ to 2⁶⁴ - 1. The document must be valid JSON; of
    /// another one, the result has no meaning.
    pub fn find(json: &[u8]) -> Option<Self> {
        Self::find_below(json, "")
    }

    /// Like [`find`](Self::find), for numbers below this JSON pointer alone.
    ///
    /// ```
    /// use waygate_core::InexactNumber;
    ///
    /// let json = br#"{"trace": 18446744073709551616, "context": {"id": 1}}"#;
    /// assert_eq!(InexactNumber::find_below(json, "/context"), None);
    /// ```
    pub fn find_below(json: &[u8], pointer: &str) -> Option<Self> {
        Self::find_such(json, pointer, |_| true)
    }

    /// Like [`find_below`](Self::find_below), without the numbers that a client may hold as floating-point numbers.
    /// JavaScript writes those up to 10²¹ without an exponent.
    #[cfg(feature = "flags")]
    pub(crate) fn find_unlike_floats(json: &[u8], pointer: &str) -> Option<Self> {
        Self::find_such(json, pointer, |number| !is_float(number))
    }

    fn find_such(json: &[u8], pointer: &str, is_such: impl Fn(&[u8]) -> bool) -> Option<Self> {
        let mut place = Place::default();
        let mut at = 0;
        while let Some(byte) = json.get(at) {
            let end = match byte {
                b'"' => end_of_string(json, at),
                b'-' | b'0'..=b'9' => end_of_number(json, at),
                _ => at + 1,
            };
            let token = at..end;
            match byte {
                b'"' => place.text = token,
                b'-' | b'0'..=b'9'
                    if is_inexact(json.get(token.clone())?)
                        && is_such(json.get(token.clone())?) =>
                {
                    let found = Self::new(&place, json, token);
                    if found.pointer.starts_with(pointer) {
                        return Some(found);
                    }
                }
                other => place.follow(*other),
            }
            at = end;
        }
        None
    }

    /// Returns whether these are the digits of a whole number outside of the range.
    pub fn is(number: &str) -> bool {
        is_inexact(number.as_bytes())
    }

    fn new(place: &Place, json: &[u8], token: Range<usize>) -> Self {
        let digits = String::from_utf8_lossy(json.get(token).unwrap_or_default());
        Self {
            pointer: place.pointer(json),
            number: digits.chars().take(SHOWN).collect(),
        }
    }
}

impl fmt::Display for InexactNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pointer, number } = self;
        let more = if number.len() < SHOWN { "" } else { "…" };
        write!(
            f,
            "`{pointer}` is the whole number {number}{more}, which does not fit in 64 bits: use {} to {}, a string, or a \
             number with a fraction or an exponent, which is rounded",
            i64::MIN,
            u64::MAX
        )
    }
}

/// The place of a token.
#[derive(Debug, Default)]
struct Place {
    steps: Vec<Step>,
    /// The last string.
    text: Range<usize>,
}

#[derive(Debug)]
enum Step {
    /// The name of a member, as it is written.
    Name(Range<usize>),
    Item(usize),
}

impl Place {
    fn follow(&mut self, punctuation: u8) {
        match (punctuation, self.steps.last_mut()) {
            (b'{', _) => self.steps.push(Step::Name(0..0)),
            (b'[', _) => self.steps.push(Step::Item(0)),
            (b'}' | b']', _) => drop(self.steps.pop()),
            (b':', Some(Step::Name(name))) => *name = self.text.clone(),
            (b',', Some(Step::Item(item))) => *item += 1,
            _ => {}
        }
    }

    fn pointer(&self, json: &[u8]) -> String {
        let steps = self.steps.iter().map(|step| match step {
            Step::Item(item) => format!("/{item}"),
            Step::Name(name) => {
                let name = json.get(name.clone()).unwrap_or_default();
                let name: String = serde_json::from_slice(name).unwrap_or_default();
                format!("/{}", name.replace('~', "~0").replace('/', "~1"))
            }
        });
        let mut pointer: String = steps.collect();
        if let Some((end, _)) = pointer.char_indices().nth(SHOWN_POINTER) {
            pointer.truncate(end);
            pointer.push('…');
        }
        pointer
    }
}

/// Returns the position after the closing quote.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match json.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') | None => return at + 1,
            Some(_) => at += 1,
        }
    }
}

fn end_of_number(json: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let rest = json.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| !is_part(byte));
    start + length.unwrap_or(rest.len())
}

fn is_inexact(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    // Fewer digits always fit.
    if digits.len() < 19 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let text = str::from_utf8(number).unwrap_or_default();
    text.parse::<i64>().is_err() && text.parse::<u64>().is_err()
}

/// Returns whether these are the digits of a floating-point number: the shortest that identify it, with zeros after them,
/// or all of them.
#[cfg(feature = "flags")]
fn is_float(number: &[u8]) -> bool {
    let text = str::from_utf8(number).unwrap_or_default();
    let Ok(float) = text.parse::<f64>() else {
        return false;
    };
    float.is_finite() && (float.to_string() == text || format!("{float:.0}") == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Option<String> {
        let valid: Result<serde_json::Value, _> = serde_json::from_str(json);
        assert!(valid.is_ok(), "{json}");
        InexactNumber::find(json.as_bytes()).map(|it| format!("{} {}", it.pointer, it.number))
    }

    #[test]
    fn whole_numbers_beyond_64_bits_are_found() {
        for (json, place) in [
            ("18446744073709551616", ""),
            ("[[], 18446744073709551616]", "/1"),
            ("[[1,2],{}, {\"a\": 18446744073709551616}]", "/2/a"),
            ("{\"a\":{\"b\":1},\"c\" : 18446744073709551616 }", "/c"),
            (
                r#"{"a":"x\\","b~/\"":[0,"]",18446744073709551616]}"#,
                "/b~0~1\"/2",
            ),
            (r#"{"a":"b\"c","":{"é":18446744073709551616}}"#, "//é"),
        ] {
            let expected = format!("{place} 18446744073709551616");
            assert_eq!(found(json), Some(expected), "{json}");
        }
        assert_eq!(
            found("[-9223372036854775809]").as_deref(),
            Some("/0 -9223372036854775809")
        );
        let long = format!("[{}]", "1".repeat(300));
        let found = InexactNumber::find(long.as_bytes()).unwrap();
        assert_eq!(found.number.len(), SHOWN);
        assert!(found.to_string().contains("1…, which"), "{found}");
        let deep = format!("{{\"{}\": 18446744073709551616}}", "é".repeat(1_000));
        let found = InexactNumber::find(deep.as_bytes()).unwrap();
        assert_eq!(found.pointer, format!("/{}…", "é".repeat(399)));
    }

    #[test]
    fn other_numbers_are_exact_or_floating_point() {
        for json in [
            "18446744073709551615",
            "-9223372036854775808",
            "-0",
            "[1.5, 18446744073709551616.0, 18446744073709551616e0, 1E300, 0.12345678901234567890123]",
            r#"["18446744073709551616", "\"18446744073709551616", {"18446744073709551616": 1}]"#,
            "{}",
        ] {
            assert_eq!(found(json), None, "{json}");
        }
    }

    #[test]
    fn invalid_documents_are_read_to_their_end() {
        for json in ["", "\"", "\"\\", "}]", "[1", "{\"a\":", ",:", "-"] {
            assert_eq!(InexactNumber::find(json.as_bytes()), None, "{json}");
        }
    }

    #[cfg(feature = "flags")]
    #[test]
    fn digits_of_floats_are_those_that_javascript_writes() {
        for (number, expected) in [
            ("18446744073709552000", true),
            ("18446744073709551616", true),
            ("-9223372036854776000", true),
            ("123456789012345680000", true),
            ("100000000000000000000", true),
            ("18446744073709551617", false),
            ("-9223372036854775809", false),
            ("123456789012345678901", false),
        ] {
            assert_eq!(is_float(number.as_bytes()), expected, "{number}");
        }
        assert!(!is_float("1".repeat(400).as_bytes()));
    }
}
