use std::borrow::Cow;

use super::hidden::is_hidden;

/// A text that does not follow its grammar, with the expected form and the problem.
///
/// The [`Display`](std::fmt::Display) form is the message that users read, at compile time and in admin
/// responses: ``invalid <noun> `<input>`: <problem>``.
///
/// ```
/// use waygate_core::grammar::{Invalid, RoleName};
///
/// let error = "a b".parse::<RoleName>().unwrap_err();
/// assert!(error.to_string().starts_with("invalid role name `a b`"));
/// let own = Invalid::new("colour", "blau", "use one of `red`, `blue`");
/// assert_eq!(own.problem(), "use one of `red`, `blue`");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {noun} `{input}`: {problem}")]
pub struct Invalid {
    noun: &'static str,
    input: String,
    problem: Cow<'static, str>,
}

crate::debug_as_message!(Invalid);

/// Limits the input that messages and logs quote.
const INPUT_CHARS: usize = 96;
/// Limits the problem, which may quote parts of the input.
const PROBLEM_CHARS: usize = 512;

impl Invalid {
    /// Creates an error. `noun` names the grammar ("route", "CIDR"); `problem` names the mistake and the fix.
    ///
    /// Both texts are truncated to a readable length, and characters that could disguise a log line or control a
    /// terminal are replaced.
    pub fn new(noun: &'static str, input: &str, problem: impl Into<Cow<'static, str>>) -> Self {
        let problem = match problem.into() {
            Cow::Owned(problem) => readable(&problem, PROBLEM_CHARS).into(),
            ours => ours,
        };
        Self {
            noun,
            input: readable(input, INPUT_CHARS),
            problem,
        }
    }

    /// Returns the problem without the quoted input.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

fn readable(text: &str, max_chars: usize) -> String {
    let shown = text.chars().take(max_chars);
    let mut readable: String = shown
        .map(|c| match is_hidden(c) {
            true => char::REPLACEMENT_CHARACTER,
            false => c,
        })
        .collect();
    if text.chars().nth(max_chars).is_some() {
        readable.push('…');
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_one_sentence() {
        let error = Invalid::new("CIDR", "10/8", "`10` is not an IP address");
        assert_eq!(
            error.to_string(),
            "invalid CIDR `10/8`: `10` is not an IP address"
        );
    }

    #[test]
    fn omits_control_characters_and_truncates() {
        let input = format!("\u{1b}[2J\u{202e}\n{}", "x".repeat(1 << 20));
        let error = Invalid::new("reason", &input, format!("`{input}` is wrong"));
        let text = error.to_string();
        assert!(
            text.starts_with("invalid reason `\u{fffd}[2J\u{fffd}\u{fffd}xxx"),
            "{text}"
        );
        assert!(text.chars().count() < 700);
        assert!(error.problem().ends_with("xxx…"));
    }

    #[test]
    fn truncates_between_characters() {
        let error = Invalid::new("reason", &"ü".repeat(97), "too long");
        assert_eq!(
            error.to_string(),
            format!("invalid reason `{}…`: too long", "ü".repeat(96))
        );
        let error = Invalid::new("reason", &"ü".repeat(96), "too long");
        assert!(!error.to_string().contains('…'));
    }
}
