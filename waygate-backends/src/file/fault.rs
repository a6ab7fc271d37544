use std::{fmt::Display, path::Path};

use waygate_core::port::BackendError;

use super::envelope::{FORMAT, Refusal};

/// The reason why the state file is not used as it is. Kept, and reported by every operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    kind: Kind,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Corrupt,
    Newer,
    Unreadable,
}

impl Fault {
    pub(super) fn unreadable(path: &Path, error: impl Display) -> Self {
        Self {
            kind: Kind::Unreadable,
            message: format!("cannot read `{}`: {error}", path.display()),
        }
    }

    pub(super) fn refused(path: &Path, refusal: Refusal) -> Self {
        let path = path.display();
        match refusal {
            Refusal::Corrupt(problem) => {
                // Parsers quote the offending line, which may be long.
                let problem: String = problem.chars().take(300).collect();
                Self {
                    kind: Kind::Corrupt,
                    message: format!("`{path}`: {}", problem.trim_end()),
                }
            }
            Refusal::Newer(format) => Self {
                kind: Kind::Newer,
                message: format!(
                    "`{path}` was written by a newer version, in format {format}, while this one \
                     knows up to {FORMAT}; it is not overwritten: use the newer version or another file"
                ),
            },
        }
    }

    pub(super) fn is_corrupt(&self) -> bool {
        self.kind == Kind::Corrupt
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn error(&self) -> BackendError {
        match self.kind {
            Kind::Corrupt => BackendError::Corrupt(format!(
                "{}; repair it, or remove it to start with an empty store",
                self.message
            )),
            Kind::Newer | Kind::Unreadable => BackendError::Unreadable(self.message.clone()),
        }
    }
}
