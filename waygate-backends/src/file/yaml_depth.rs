//! A bound on the nesting of YAML, before it is parsed into values.
//!
//! The parser behind `yaml_serde` reads the whole document before it checks the depth, in quadratic time: 100,000 open
//! brackets take minutes.

use saphyr_parser::{Event, Parser};

const MAX_DEPTH: usize = 128;

pub(super) fn check(text: &str) -> Result<(), String> {
    // Brackets in strings count here as well, so a suspicion is verified.
    if open_brackets(text) <= MAX_DEPTH {
        return Ok(());
    }
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        match event.map_err(|e| e.to_string())?.0 {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH} levels"));
        }
    }
    Ok(())
}

/// Refuses aliases: a small document of them stands for values without bound, and `yaml_serde` counts only some.
pub(super) fn refuse_aliases(text: &str) -> Result<(), String> {
    // Strings have this character, too, so a suspicion is verified.
    if !text.contains('*') {
        return Ok(());
    }
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| e.to_string())?;
        if matches!(event, Event::Alias(_)) {
            let (line, column) = (span.start.line(), span.start.col() + 1);
            return Err(format!(
                "line {line} column {column} has an alias; write its value instead"
            ));
        }
    }
    Ok(())
}

/// Returns the maximum number of open brackets.
fn open_brackets(text: &str) -> usize {
    let mut open = 0_usize;
    let mut most = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => continue,
        }
        most = most.max(open);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_nesting_is_refused_quickly() {
        for text in [
            "[".repeat(1 << 20),
            "{\"a\":".repeat(100_000),
            "[\n".repeat(100_000),
        ] {
            assert!(check(&text).is_err());
        }
        let deepest = format!("a: {}{}", "[".repeat(127), "]".repeat(127));
        assert!(check(&deepest).is_ok());
    }

    #[test]
    fn aliases_are_refused_and_stars_are_not() {
        for text in [
            "a: &a [x, y]\nb: *a\n",
            "a: &a {x: 1}\nb:\n  <<: *a\n",
            "- &a 1\n- [1, *a]\n",
        ] {
            let refused = refuse_aliases(text).unwrap_err();
            assert!(
                refused.contains("alias") && refused.contains("line "),
                "{refused}"
            );
        }
        for text in ["a: \"*a\"\n", "a: 2 * 3\n", "a: &a 1\n", "# *a\na: 1\n"] {
            assert_eq!(refuse_aliases(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let text = yaml_serde::to_string(&vec![":-[ {[ ["; 1_000]).unwrap();
        assert!(open_brackets(&text) > MAX_DEPTH);
        assert!(check(&text).is_ok());
    }
}
