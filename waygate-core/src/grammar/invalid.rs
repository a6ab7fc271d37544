use std::borrow::Cow;

/// A text that does not follow its grammar: what it should have been, what it was, and what is wrong.
///
/// The [`Display`](std::fmt::Display) form is the one message that users read, at compile time and in
/// admin answers: ``invalid <noun> `<input>`: <problem>``.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {noun} `{input}`: {problem}")]
pub struct Invalid {
    noun: &'static str,
    input: String,
    problem: Cow<'static, str>,
}

/// Inputs are quoted in messages and logs; a megabyte of it would help nobody.
const QUOTED_CHARS: usize = 96;

impl Invalid {
    /// `noun` names the grammar ("route", "CIDR"), `problem` says what is wrong and what would be right.
    pub fn new(noun: &'static str, input: &str, problem: impl Into<Cow<'static, str>>) -> Self {
        let mut quoted: String = input
            .chars()
            .take(QUOTED_CHARS)
            .map(|c| {
                if c.is_control() {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            })
            .collect();
        if input.chars().nth(QUOTED_CHARS).is_some() {
            quoted.push('…');
        }
        Self {
            noun,
            input: quoted,
            problem: problem.into(),
        }
    }

    /// What is wrong, without the quoted input.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}
