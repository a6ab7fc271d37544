//! Numbers of YAML that JSON does not have. The parser would read them as null, or round them.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use waygate_core::InexactNumber;

/// Returns the first such number with its place, as an error.
pub(super) fn check(text: &str) -> Result<(), String> {
    // Strings have such digits as well, so a suspicion is verified.
    if !is_suspect(text.as_bytes()) {
        return Ok(());
    }
    for event in Parser::new_from_str(text) {
        // The other parser describes a malformed document.
        let Ok((event, span)) = event else {
            return Ok(());
        };
        if let Event::Scalar(text, style, _, tag) = event
            && is_number(style, tag.as_deref())
        {
            check_scalar(&text, span)?;
        }
    }
    Ok(())
}

/// Returns whether a scalar may be read as a number. A tag makes one of a string in quotes as well.
fn is_number(style: ScalarStyle, tag: Option<&Tag>) -> bool {
    // `!!float`, or the same as `!<tag:yaml.org,2002:float>`.
    match tag.map(|tag| {
        tag.suffix
            .strip_prefix("tag:yaml.org,2002:")
            .unwrap_or(&tag.suffix)
    }) {
        Some("str") => false,
        Some("float" | "int") => true,
        _ => style == ScalarStyle::Plain,
    }
}

fn check_scalar(text: &str, span: Span) -> Result<(), String> {
    let (line, column) = (span.start.line(), span.start.col() + 1);
    if is_special(text) {
        return Err(format!(
            "`{text}` at line {line} column {column} is no number of JSON: use a finite number, or a string in quotes"
        ));
    }
    if InexactNumber::is(text.strip_prefix('+').unwrap_or(text)) {
        let shown: String = text.chars().take(40).collect();
        return Err(format!(
            "the whole number {shown} at line {line} column {column} does not fit in 64 bits: use {} to {}, or a string \
             in quotes",
            i64::MIN,
            u64::MAX
        ));
    }
    Ok(())
}

/// Returns whether this is infinity, or not a number.
fn is_special(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// Returns whether the text has a special number or many digits in a row.
fn is_suspect(text: &[u8]) -> bool {
    let mut digits = 0;
    text.windows(4).any(|part| {
        digits = match part[0].is_ascii_digit() {
            true => digits + 1,
            false => 0,
        };
        // The last digits of the text are outside of these windows.
        digits >= 15 || part.eq_ignore_ascii_case(b".nan") || part.eq_ignore_ascii_case(b".inf")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_an_equivalent_are_refused_with_their_place() {
        for (text, place) in [
            (".nan", "`.nan` at line 1 column 1 "),
            ("a: 1\nb: [0, -.Inf]", "`-.Inf` at line 2 column 8 "),
            ("a: +.INF # x", "`+.INF` at line 1 column 4 "),
            ("a: !!float .NaN", "`.NaN` at line 1 "),
            ("a: !!float \".nan\"", "`.nan` at line 1 "),
            ("a: !!float '-.inf'", "`-.inf` at line 1 "),
            ("a: !!float |-\n  .inf\n", "`.inf` at line "),
            (
                "a: !<tag:yaml.org,2002:float> \".nan\"",
                "`.nan` at line 1 ",
            ),
            (
                "a: !!int \"18446744073709551616\"",
                "number 18446744073709551616 at line 1 ",
            ),
            (
                "- 18446744073709551616",
                "number 18446744073709551616 at line 1 column 3 ",
            ),
            (
                "- +18446744073709551616",
                "number +18446744073709551616 at line 1 column 3 ",
            ),
            (
                "a: {b: -9223372036854775809}",
                "number -9223372036854775809 at line 1 column 8 ",
            ),
        ] {
            let problem = check(text).unwrap_err();
            assert!(problem.contains(place), "{problem}");
        }
        let long = check(&"1".repeat(1_000)).unwrap_err();
        assert!(long.len() < 300, "{long}");
    }

    #[test]
    fn other_scalars_pass() {
        for text in [
            "'.nan'",
            "\".inf\"",
            "a: !!str .inf",
            "a: !!str \".inf\"",
            "a: x.nano",
            "a: .information",
            "a: |\n  .nan\n",
            "# .nan 18446744073709551616",
            "- 18446744073709551615",
            "- -9223372036854775808",
            "- '18446744073709551616'",
            "- v18446744073709551616",
            "- 18446744073709551616.0",
            "- 1e300",
            "",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }
}
