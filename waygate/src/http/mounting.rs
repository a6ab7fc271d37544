//! The paths at which Waygate itself serves something, beside the API.

use waygate_core::grammar::{Method, PathTemplate};

use crate::engine::Served;

/// A path that was given to [`Guarded::docs`](crate::Guarded), `openapi` or `admin` and at which nothing can be served: it is
/// none, or taken.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`.{call}(\"{path}\")`: {problem}")]
pub struct PathError {
    call: &'static str,
    path: String,
    problem: String,
}

waygate_core::debug_as_message!(PathError);

/// What one call serves.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    /// The method of `Guarded`.
    pub(crate) call: &'static str,
    /// As it was given.
    pub(crate) path: String,
    pub(crate) serves: Serves,
}

#[derive(Debug, Clone)]
pub(crate) enum Serves {
    /// `GET` at these paths.
    Paths(Vec<String>),
    /// Everything at and below this one.
    Below(String),
}

/// What the API serves.
pub(crate) type OfApi = [(PathTemplate, Served)];

/// Whether each path is one, and is free.
pub(crate) fn check(mounts: &[Mount], api: &OfApi) -> Result<(), PathError> {
    for (at, mount) in mounts.iter().enumerate() {
        let error = |problem: String| PathError {
            call: mount.call,
            path: mount.path.clone(),
            problem,
        };
        if let Some(problem) = problem_of(&mount.path, &mount.serves) {
            return Err(error(problem));
        }
        if let Some(other) = mounts[..at].iter().find(|other| mount.meets(other)) {
            let (call, path) = (other.call, &other.path);
            let problem = format!("`.{call}(\"{path}\")` serves the same path; choose another one");
            return Err(error(problem));
        }
        let taken = api.iter().find(|(path, served)| match &mount.serves {
            Serves::Paths(own) => {
                let gets = served.others || served.named.contains(Method::Get);
                gets && own.iter().any(|own| own == path.as_str())
            }
            Serves::Below(prefix) => is_below(path.as_str(), prefix),
        });
        if let Some((path, _)) = taken {
            let problem = format!("the API has a route at `{path}`; choose another path");
            return Err(error(problem));
        }
    }
    Ok(())
}

impl Mount {
    fn meets(&self, other: &Self) -> bool {
        match (&self.serves, &other.serves) {
            (Serves::Paths(one), Serves::Paths(other)) => {
                one.iter().any(|path| other.contains(path))
            }
            (Serves::Paths(paths), Serves::Below(prefix))
            | (Serves::Below(prefix), Serves::Paths(paths)) => {
                paths.iter().any(|path| is_below(path, prefix))
            }
            (Serves::Below(one), Serves::Below(other)) => {
                is_below(one, other) || is_below(other, one)
            }
        }
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn problem_of(path: &str, serves: &Serves) -> Option<String> {
    if !path.starts_with('/') {
        return Some(format!("a path begins with `/`; write `/{path}`"));
    }
    if matches!(serves, Serves::Below(prefix) if prefix.is_empty()) {
        return Some("it would hide the API; name a path such as `/waygate`".to_owned());
    }
    if path.contains(['{', '}', '*']) || path.contains("/:") {
        return Some(
            "parameters and wildcards have no meaning here; write a fixed path".to_owned(),
        );
    }
    let foreign = |c: &char| !c.is_ascii_graphic() || matches!(c, '?' | '#');
    let foreign = path.chars().find(foreign)?;
    Some(format!("{foreign:?} cannot stand in a path"))
}
