use waygate_core::{
    grammar::{Invalid, KeyPart, KeySource, PathTemplate},
    model::{LimitKey, LimitScope},
};

use crate::engine::{ChangeError, Inner, snapshot::Snapshot};

/// Refuses a key under which nothing would ever be counted as it is meant to be. `declared` is the key of the limit that
/// the code declares under the same name.
pub(crate) fn check_key(
    source: &KeySource,
    at: &LimitKey,
    declared: Option<&KeySource>,
) -> Result<(), Invalid> {
    match (source, &at.scope) {
        (KeySource::Custom, _) if declared == Some(&KeySource::Custom) => Ok(()),
        (KeySource::Custom, _) => {
            let name = &at.name;
            let problem =
                format!("the code declares no policy `{name}` here whose key a function tells");
            Err(Invalid::new("key", KeySource::CUSTOM, problem))
        }
        (KeySource::Parts(parts), LimitScope::Route(route)) => {
            let path: PathTemplate = route.path().parse()?;
            let missing = parts.iter().find(|part| is_missing(part, &path));
            missing.map_or(Ok(()), |part| Err(no_such_parameter(part, &path)))
        }
        // Routes that more than one policy governs differ in their parameters.
        (KeySource::Parts(_), LimitScope::Global | LimitScope::Service(_)) => Ok(()),
    }
}

fn is_missing(part: &KeyPart, path: &PathTemplate) -> bool {
    matches!(part, KeyPart::Path(name) if path.parameters().all(|known| known != &**name))
}

fn no_such_parameter(part: &KeyPart, path: &PathTemplate) -> Invalid {
    let known: Vec<&str> = path.parameters().collect();
    let help = match &*known {
        [] => "it has none: count by something else".to_owned(),
        known => format!("it has `{}`", known.join("`, `")),
    };
    let problem = format!("`{path}` has no such parameter; {help}");
    Invalid::new("key", &part.to_string(), problem)
}

impl Inner {
    /// The same as [`governed`](Self::governed). What is left of a route that the code no longer has can still be deleted.
    pub(crate) fn governed_or_left(
        &self,
        snapshot: &Snapshot,
        key: &LimitKey,
        deletes_known: bool,
    ) -> Result<LimitKey, ChangeError> {
        match self.governed(snapshot, key) {
            Err(_) if deletes_known => Ok(key.clone()),
            governed => governed,
        }
    }
}
