use std::{fmt, str::FromStr};

use serde::Deserialize;

use super::Action;
use crate::grammar::Invalid;

/// The longest pattern. No action is as long.
const MAX_LEN: usize = 64;

/// A pattern of actions of the audit log: `flag_created`, or `flag_*` for all that start with `flag_`.
///
/// ```
/// use waygate_core::model::{Action, ActionPattern};
///
/// let pattern: ActionPattern = "flag_*".parse()?;
/// assert!(pattern.matches(&Action::FlagCreated));
/// assert!(!pattern.matches(&Action::SegmentCreated));
/// assert!("flag*d".parse::<ActionPattern>().is_err());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ActionPattern(Box<str>);

impl ActionPattern {
    /// Returns whether an action has this name, or starts as the pattern does.
    ///
    /// ```
    /// use waygate_core::model::{Action, ActionPattern};
    ///
    /// let exact = ActionPattern::from(&Action::Enable);
    /// assert!(exact.matches(&Action::Enable));
    /// assert!(!exact.matches(&Action::FlagEnabled));
    /// ```
    pub fn matches(&self, action: &Action) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => action.as_str().starts_with(start),
            None => action.as_str() == &*self.0,
        }
    }

    /// Returns the pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Action> for ActionPattern {
    fn from(action: &Action) -> Self {
        Self(action.as_str().into())
    }
}

impl FromStr for ActionPattern {
    type Err = Invalid;

    fn from_str(pattern: &str) -> Result<Self, Invalid> {
        let name = pattern.strip_suffix('*').unwrap_or(pattern);
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !pattern.is_empty() && pattern.len() <= MAX_LEN && name.bytes().all(is_word) {
            return Ok(Self(pattern.into()));
        }
        let right = "write the name of an action, such as `flag_created`, or its start and `*`, such as `flag_*`";
        Err(Invalid::new("action", pattern, right))
    }
}

impl TryFrom<String> for ActionPattern {
    type Error = Invalid;

    fn try_from(pattern: String) -> Result<Self, Invalid> {
        pattern.parse()
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_its_start() {
        for pattern in ["enable", "rl_*", "*", "x1"] {
            let parsed: ActionPattern = pattern.parse().unwrap();
            assert_eq!(parsed.to_string(), pattern);
        }
        let long = "x".repeat(65);
        for pattern in ["", "Enable", "a b", "a*b", "**", "route.*", &long] {
            let refused = pattern.parse::<ActionPattern>().unwrap_err();
            assert!(refused.to_string().contains("`flag_*`"), "{refused}");
        }
        let all: ActionPattern = "*".parse().unwrap();
        assert!(all.matches(&Action::Other("teleport".into())));
    }
}
