use std::fmt;

use serde::Serialize;

/// A problem of a definition: its place, and the message for its author.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{ProblemCode, Segment};
///
/// let problems = Segment::parse(&json!({"key": "beta", "name": "Beta", "includes": []})).unwrap_err();
/// let problem = problems.iter().next().expect("a problem");
/// assert_eq!((problem.pointer.as_str(), problem.code), ("/includes", ProblemCode::UnknownMember));
/// assert!(problem.message.contains("did you mean `included`?"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Problem {
    /// The place, as a JSON pointer (RFC 6901) such as `/rules/2/clauses/0/values/1`; empty for the whole.
    pub pointer: String,
    /// The name of the problem, for programs.
    pub code: ProblemCode,
    /// The description of the problem, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.message),
            pointer => write!(f, "{pointer}: {}", self.message),
        }
    }
}

/// The name of a problem of a definition.
///
/// ```
/// use waygate_core::flag::ProblemCode;
///
/// assert_eq!(serde_json::to_value(ProblemCode::WeightSum)?, "weight_sum");
/// assert!(!ProblemCode::WeightSum.is_structural(), "a stored flag may have it");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemCode {
    /// A required member is missing.
    Missing,
    /// A member has another type, or is outside of its range.
    WrongType,
    /// The string does not follow its grammar.
    InvalidText,
    /// No member has this name.
    UnknownMember,
    /// Two entries have the same name, key or id.
    Duplicate,
    /// The name is not that of a variation.
    UnknownVariation,
    /// No flag has this key.
    UnknownFlag,
    /// No segment has this key.
    UnknownSegment,
    /// The value of a variation is not of the type of the flag.
    WrongValueType,
    /// The weights do not sum to 100,000.
    WeightSum,
    /// The operator cannot use this value; it never matches.
    InvalidOperand,
    /// Members exclude each other.
    Contradiction,
    /// A list, a string or a value is too large.
    TooLarge,
    /// Definitions depend on each other in a chain that is too long.
    TooDeep,
    /// Definitions depend on each other in a cycle.
    Cycle,
    /// Two flags have the same part of a layer.
    Overlap,
    /// Another definition needs this one.
    InUse,
    /// The document may have more problems than those that are listed.
    Incomplete,
}

impl ProblemCode {
    /// Returns whether a definition with this problem has no meaning, so that it is refused even if a store has it.
    pub const fn is_structural(self) -> bool {
        matches!(self, Self::Missing | Self::WrongType | Self::InvalidText)
    }
}

/// All problems of a definition.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{Problems, Segment};
///
/// let problems = Segment::parse(&json!({"name": 5})).unwrap_err();
/// assert_eq!(problems.iter().count(), 2, "there is no key, and the name is no string: {problems}");
/// assert_eq!(Problems::default().or(1), Ok(1));
/// ```
#[derive(Clone, PartialEq, Eq, Default, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

crate::debug_as_message!(Problems);

impl Problems {
    /// Limits the problems of a definition and of a document; the rest is a consequence of them, mostly.
    pub(super) const MOST: usize = 100;

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the problems in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// Returns `value` if there is no problem.
    ///
    /// ```
    /// use waygate_core::flag::Problems;
    ///
    /// assert_eq!(Problems::default().or("a value"), Ok("a value"));
    /// ```
    ///
    /// # Errors
    /// The problems.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        match self.is_empty() {
            true => Ok(value),
            false => Err(self),
        }
    }

    /// Returns the problems that are not among others.
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::Segment;
    ///
    /// let wrong = Segment::parse(&json!({"key": "beta"})).unwrap_err();
    /// assert!(!wrong.is_empty() && wrong.clone().without(&wrong).is_empty());
    /// ```
    pub fn without(mut self, others: &Self) -> Self {
        self.0.retain(|problem| !others.0.contains(problem));
        self
    }

    /// Adds a problem, unless the place or one around it is known to be wrong.
    pub(super) fn add(
        &mut self,
        pointer: impl fmt::Display,
        code: ProblemCode,
        message: impl Into<String>,
    ) {
        let pointer = pointer.to_string();
        if self.accept(&pointer) {
            self.push(pointer, code, message);
        }
    }

    /// Returns whether a problem of this place would be added.
    pub(super) fn accept(&self, pointer: &str) -> bool {
        let covered = |known: &Problem| is_within(pointer, &known.pointer);
        !self.is_full() && !self.0.iter().any(covered)
    }

    /// Adds a problem, even if its place has another.
    pub(super) fn push(
        &mut self,
        pointer: impl fmt::Display,
        code: ProblemCode,
        message: impl Into<String>,
    ) {
        if self.0.len() < Self::MOST {
            self.0.push(Problem {
                pointer: pointer.to_string(),
                code,
                message: message.into(),
            });
        }
    }

    pub(super) fn extend(&mut self, others: Self) {
        for problem in others {
            self.add(problem.pointer, problem.code, problem.message);
        }
    }

    /// Adds the problems of a part of a document.
    pub(super) fn append(&mut self, place: impl fmt::Display, others: Self) {
        let place = place.to_string();
        for problem in others {
            let pointer = format!("{place}{}", problem.pointer);
            self.push(pointer, problem.code, problem.message);
        }
    }

    /// Returns whether no more problems are added.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }

    /// Returns a document without problems. If there may be more problems than these, the last one says so.
    pub(super) fn of_document<T>(mut self, document: T) -> Result<T, Self> {
        if self.is_full() {
            let most = Self::MOST;
            self.0.push(Problem {
                pointer: String::new(),
                code: ProblemCode::Incomplete,
                message: format!(
                    "these are the first {most} problems, and there may be more: correct them, and try again"
                ),
            });
        }
        self.or(document)
    }

    /// Returns whether a part of this place is known to be wrong.
    pub(super) fn within(&self, pointer: &str) -> bool {
        let inside = |known: &Problem| is_within(&known.pointer, pointer);
        self.0.iter().any(inside)
    }

    pub(super) fn has(&self, code: ProblemCode) -> bool {
        self.0.iter().any(|problem| problem.code == code)
    }

    pub(super) fn structural(mut self) -> Self {
        self.0.retain(|problem| problem.code.is_structural());
        self
    }
}

fn is_within(pointer: &str, around: &str) -> bool {
    let rest = pointer.strip_prefix(around);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
