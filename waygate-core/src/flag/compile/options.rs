use crate::flag::hash::HashAlgorithm;

/// The choices of an engine for all of its flags.
///
/// ```
/// use waygate_core::flag::{CompileOptions, HashAlgorithm};
///
/// assert_eq!(CompileOptions::default().hash, HashAlgorithm::Murmur3V1);
/// assert_eq!(CompileOptions::python().hash, HashAlgorithm::WaygatePySha1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompileOptions {
    /// The hash of flags that name none.
    pub hash: HashAlgorithm,
    /// The meaning of operators where Python Waygate differs.
    pub compatibility: Compatibility,
}

impl CompileOptions {
    /// The options of an engine that replaces Python Waygate: no context changes its variation.
    pub const fn python() -> Self {
        Self {
            hash: HashAlgorithm::WaygatePySha1,
            compatibility: Compatibility::Python,
        }
    }

    pub(super) fn is_python(self) -> bool {
        self.compatibility == Compatibility::Python
    }
}

/// The meaning of operators where Python Waygate (wire contract, section 9) differs.
///
/// ```
/// use waygate_core::flag::{Compatibility, CompileOptions};
///
/// assert_eq!(CompileOptions::python().compatibility, Compatibility::Python);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compatibility {
    /// Any element of a list satisfies a clause, every value of a clause counts, `true` is not 1, and what is no point
    /// in time is neither before nor after one.
    #[default]
    Native,
    /// A list is compared as a whole, only the first value of a comparison of order counts, `true` equals 1, booleans
    /// and lists are written as in Python, strings that are no points in time are compared as strings, and names of
    /// attributes are literal.
    Python,
}
