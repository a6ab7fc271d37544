//! The routes and services that unmatched names probably mean.

use waygate_core::{
    grammar::ServiceName,
    model::{ExemptPath, RouteKey},
    similar::typing_errors,
};

use crate::engine::{nearest::nearest, table::Table};

/// The routes that exemptions can name.
pub(super) struct Routes<'a> {
    pub(super) table: &'a Table,
    /// The service in their keys; `None` for any.
    pub(super) service: Option<Option<&'a str>>,
}

impl<'a> Routes<'a> {
    pub(super) fn all(&self) -> impl Iterator<Item = &'a RouteKey> + Clone {
        let service = self.service;
        let keys = self.table.registered().map(|route| &route.key);
        keys.filter(move |key| service.is_none_or(|service| key.service() == service))
    }

    /// The routes of an exemption, regardless of their methods.
    fn of_path(&self, exempt: &ExemptPath) -> impl Iterator<Item = &'a RouteKey> {
        self.all().filter(|key| exempt.covers_path(key.path()))
    }

    /// Returns `true` if this exempts a route.
    pub(super) fn has(&self, exempt: &ExemptPath) -> bool {
        let method = exempt.key().method();
        let fits =
            |key: &RouteKey| method.is_none() || key.method().is_none() || key.method() == method;
        self.of_path(exempt).any(fits)
    }

    /// Describes an exemption without a matching route.
    pub(super) fn problem(&self, exempt: &ExemptPath) -> String {
        let hint = match self.of_path(exempt).next() {
            Some(other) => Some(other.as_str().to_owned()),
            None => self.meant(exempt.key()),
        };
        let hint = did_you_mean(hint.as_deref());
        format!("the exemption `{exempt}` names no route{hint}")
    }

    /// The probable exemption.
    fn meant(&self, asked: &RouteKey) -> Option<String> {
        let path = asked.path();
        let found = self
            .all()
            .map(RouteKey::path)
            .find(|template| matches(template, path));
        let found = match (found, path.rsplit_once("/{*")) {
            (Some(template), _) => Some(template.to_owned()),
            // Everything below a path: an existing one of the same length.
            (None, Some((prefix, rest))) => {
                let depth = prefix.split('/').count();
                let prefixes = self.all().filter_map(|key| {
                    let segments: Vec<&str> = key.path().split('/').collect();
                    (segments.len() > depth).then(|| segments[..depth].join("/"))
                });
                nearest_path(prefix, prefixes).map(|prefix| format!("{prefix}/{{*{rest}"))
            }
            (None, None) => nearest_path(path, self.all().map(|key| key.path().to_owned()))
                .or_else(|| self.below(path)),
        }?;
        Some(match asked.method() {
            Some(method) => format!("{method}:{found}"),
            None => found,
        })
    }

    /// Everything below a path that is a prefix of others.
    fn below(&self, path: &str) -> Option<String> {
        let prefix = path.strip_suffix('/').unwrap_or(path);
        let is_below = |key: &RouteKey| {
            let rest = key.path().strip_prefix(prefix);
            rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
        };
        let found = !prefix.is_empty() && self.all().any(is_below);
        found.then(|| format!("{prefix}/{{*rest}}"))
    }
}

fn nearest_path(asked: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let asked: RouteKey = asked.parse().ok()?;
    let known: Vec<RouteKey> = known.filter_map(|path| path.parse().ok()).collect();
    nearest(&asked, known.iter()).map(|key| key.path().to_owned())
}

/// The known service with the most similar name.
pub(super) fn meant_service<'a>(
    asked: &ServiceName,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let near = known.map(|known| (typing_errors(known, asked.as_str()), known));
    near.min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance * 2 <= known.len())
        .map(|(_, known)| known)
}

/// The end of a message about an unknown name.
pub(super) fn did_you_mean(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!(": did you mean `{meant}`?"))
}

/// Returns `true` if a template matches a URL. Exemptions name routes by their templates.
fn matches(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for part in template.split('/') {
        if part.starts_with("{*") {
            return segments.next().is_some_and(|segment| !segment.is_empty());
        }
        let is_parameter = part.starts_with('{') && !part.starts_with("{{");
        match segments.next() {
            Some(segment) if segment == part || is_parameter && !segment.is_empty() => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_url_differs_from_a_template() {
        for (template, path, expected) in [
            ("/users/{id}", "/users/7", true),
            ("/users/{id}", "/users/", false),
            ("/users/{id}", "/users/7/x", false),
            ("/files/{*rest}", "/files/a/b", true),
            ("/files/{*rest}", "/files/", false),
            ("/a", "/b", false),
        ] {
            assert_eq!(matches(template, path), expected, "{template} {path}");
        }
    }
}
