//! Keys that requests may lack, or always lack.

use waygate_core::{
    grammar::{Invalid, KeyPart, KeySource, PathTemplate},
    model::{LimitKey, LimitScope},
};

use crate::engine::compiler::KeySources;

/// The remedy if a limit needs callers and the builder sets no principal type.
pub(crate) const NO_PRINCIPAL: &str = "set the principal type with `.principal::<YourType>()` on the builder, and \
                                       insert a value of it into the request's extensions in a layer around the \
                                       guarded router (`Guarded::layer`)";

/// The remedy if a request carries no caller, or one of another type than the builder's.
pub(crate) fn caller_around(principal: Option<&str>) -> String {
    let of_type = principal.map(|name| format!(", of the type `{name}` itself,"));
    format!(
        "insert the caller{} into the request's extensions in a layer around the guarded router (`Guarded::layer`)",
        of_type.unwrap_or_default()
    )
}

/// Returns the reason why a limit needs the caller, if it does.
pub(crate) fn needs_of_caller(key: &KeySource, has_tiers: bool) -> Option<&'static str> {
    match key {
        KeySource::Parts(parts) if parts.contains(&KeyPart::User) => Some("counts by `user`"),
        _ if has_tiers => Some("has `tiers`"),
        KeySource::Parts(_) | KeySource::Custom => None,
    }
}

impl KeySources {
    /// Returns why the limit at `at` does not work as configured, if this is known without a request. `declared` is the
    /// key of the declared limit with the same name.
    pub(crate) fn problem(
        self,
        key: &KeySource,
        at: &LimitKey,
        declared: Option<&KeySource>,
        has_tiers: bool,
    ) -> Option<String> {
        if let Err(invalid) = check_key(key, at, declared) {
            return Some(invalid.problem().to_owned());
        }
        let need = needs_of_caller(key, has_tiers).filter(|_| !self.has_principal)?;
        Some(format!(
            "it {need}, but no request has a caller: {NO_PRINCIPAL}"
        ))
    }
}

/// The remedy for requests without a key.
pub(crate) fn remedy(key: &KeySource, principal: Option<&str>) -> String {
    let remedy = match key {
        KeySource::Parts(parts) if parts.contains(&KeyPart::User) => &*caller_around(principal),
        KeySource::Custom => "the key function returned none; return a key",
        KeySource::Parts(_) => "choose a key that every request has",
    };
    format!("{remedy}, or set `on_missing_key`")
}

/// Refuses a key that no request could have. `declared` is the key of the declared limit with the same name.
pub(crate) fn check_key(
    source: &KeySource,
    at: &LimitKey,
    declared: Option<&KeySource>,
) -> Result<(), Invalid> {
    match (source, &at.scope) {
        (KeySource::Custom, _) if declared == Some(&KeySource::Custom) => Ok(()),
        (KeySource::Custom, _) => {
            let name = &at.name;
            let problem = format!("the code declares no policy `{name}` here with a key function");
            Err(Invalid::new("key", KeySource::CUSTOM, problem))
        }
        (KeySource::Parts(parts), LimitScope::Route(route)) => {
            let path: PathTemplate = route.path().parse()?;
            let missing = parts.iter().find(|part| is_missing(part, &path));
            missing.map_or(Ok(()), |part| Err(no_such_parameter(part, &path)))
        }
        // The routes of a shared policy differ in their parameters.
        (KeySource::Parts(_), LimitScope::Global | LimitScope::Service(_)) => Ok(()),
    }
}

fn is_missing(part: &KeyPart, path: &PathTemplate) -> bool {
    matches!(part, KeyPart::Path(name) if path.parameters().all(|known| known != &**name))
}

fn no_such_parameter(part: &KeyPart, path: &PathTemplate) -> Invalid {
    let known: Vec<&str> = path.parameters().collect();
    let help = match &*known {
        [] => "it has none: choose another key".to_owned(),
        known => format!("it has `{}`", known.join("`, `")),
    };
    let problem = format!("`{path}` has no such parameter; {help}");
    Invalid::new("key", &part.to_string(), problem)
}
