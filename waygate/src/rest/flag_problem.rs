//! Problems of flags and segments, in the words of the wire contract, with all mistakes of a definition.

use serde_json::Value;
use waygate_core::{
    flag::{Problem as Mistake, ProblemCode, Problems, exchange::Refusal},
    view,
};

use super::problem::{Problem, ProblemKind};
use crate::{ChangeError, flags::FlagError};

impl From<FlagError> for Problem {
    fn from(error: FlagError) -> Self {
        let text = error.to_string();
        match error {
            FlagError::NotFound { kind, key, .. } => {
                let error = format!("{} '{key}' not found", capital(kind));
                Self::new(ProblemKind::NotFound, error).detail(text)
            }
            FlagError::Exists { kind, key } => {
                let error = format!(
                    "{} '{key}' already exists. Use PUT to update.",
                    capital(kind)
                );
                Self::new(ProblemKind::Conflict, error).detail(text)
            }
            FlagError::NoDraft { .. }
            | FlagError::NoVersion { .. }
            | FlagError::NoSuchChange { .. } => Self::new(ProblemKind::NotFound, text),
            FlagError::NotProgressive { .. } => Self::new(ProblemKind::Conflict, text),
            FlagError::Invalid { kind, problems, .. } => invalid_definition(kind, problems),
        }
    }
}

/// A definition with mistakes, or one that others need.
pub(crate) fn invalid_definition(kind: &str, problems: Problems) -> Problem {
    let problems: Vec<Mistake> = problems.into_iter().collect();
    let used = problems
        .iter()
        .all(|mistake| mistake.code == ProblemCode::InUse && mistake.pointer.is_empty());
    if used {
        let error = format!("{} is in use: {}", capital(kind), summary(&problems));
        let detail = "Change its users first.";
        return of(ProblemKind::Conflict, error, problems).detail(detail);
    }
    let error = format!("Invalid {kind} definition: {}", summary(&problems));
    of(ProblemKind::InvalidValue, error, problems)
}

/// The failure of a patch with these members.
pub(crate) fn invalid_patch(error: ChangeError, members: &Value) -> Problem {
    let ChangeError::Flag(FlagError::Invalid { problems, .. }) = error else {
        return error.into();
    };
    let problems: Vec<Mistake> = problems.into_iter().collect();
    let unknown = ["off_variation", "fallthrough"]
        .into_iter()
        .find_map(|member| {
            let name = members[member].as_str()?;
            let pointer = format!("/{member}");
            let found = problems.iter().any(|mistake| {
                mistake.pointer == pointer && mistake.code == ProblemCode::UnknownVariation
            });
            found.then(|| {
                format!(
                    "{member} '{}' does not match any variation name",
                    shortened(name)
                )
            })
        });
    let error = unknown.unwrap_or_else(|| format!("Invalid patch: {}", summary(&problems)));
    of(ProblemKind::InvalidValue, error, problems)
}

/// The failure of a scheduled change, with places in the request.
pub(crate) fn invalid_schedule(error: ChangeError) -> Problem {
    let ChangeError::Flag(FlagError::Invalid { problems, .. }) = error else {
        return error.into();
    };
    let mistakes = problems.into_iter().map(|mut mistake| {
        // `/scheduled_changes/3/payload` is the payload of the request.
        let own = mistake.pointer.strip_prefix("/scheduled_changes/");
        let own = own.and_then(|rest| rest.find('/').map(|at| rest[at..].to_owned()));
        mistake.pointer = own.unwrap_or(mistake.pointer);
        mistake
    });
    let mistakes: Vec<Mistake> = mistakes.collect();
    let error = format!("Invalid scheduled change: {}", summary(&mistakes));
    of(ProblemKind::InvalidValue, error, mistakes)
}

/// An import of definitions without an equivalent.
pub(crate) fn untranslated(refused: &[Refusal]) -> Problem {
    let keys: Vec<String> = refused
        .iter()
        .take(MOST)
        .map(|refusal| shortened(&refusal.to_string()))
        .collect();
    let mistakes = refused.iter().map(|refusal| view::Mistake {
        pointer: shortened(&refusal.pointer),
        code: "untranslatable".to_owned(),
        message: shortened(&refusal.message),
    });
    let error = format!("Nothing is imported: {}", keys.join("; "));
    Problem::new(ProblemKind::InvalidValue, error)
        .detail("Change these definitions, or leave them out with `partial=true`.")
        .mistakes(mistakes.collect())
}

fn of(kind: ProblemKind, error: String, problems: Vec<Mistake>) -> Problem {
    Problem::new(kind, error)
        .detail(summary(&problems))
        .mistakes(problems.into_iter().map(shown).collect())
}

fn shown(mistake: Mistake) -> view::Mistake {
    view::Mistake {
        pointer: shortened(&mistake.pointer),
        code: code(mistake.code),
        message: shortened(&mistake.message),
    }
}

/// The name of a mistake in JSON.
fn code(code: ProblemCode) -> String {
    match serde_json::to_value(code) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

/// The most mistakes in one line.
const MOST: usize = 3;

/// The first mistakes in one line; `errors` has all.
fn summary(problems: &[Mistake]) -> String {
    let first: Vec<String> = problems
        .iter()
        .take(MOST)
        .map(|mistake| shortened(&mistake.to_string()))
        .collect();
    let first = first.join("; ");
    match problems.len().saturating_sub(MOST) {
        0 => first,
        more => format!("{first}; and {more} more"),
    }
}

/// Limits a text that quotes a definition.
fn shortened(text: &str) -> String {
    const CHARS: usize = 400;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn capital(kind: &str) -> &str {
    match kind {
        "segment" => "Segment",
        _ => "Flag",
    }
}
