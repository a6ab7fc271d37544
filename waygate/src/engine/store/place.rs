use std::borrow::Cow;

use waygate_core::{
    grammar::{PathTemplate, ServiceName},
    model::RouteKey,
};

/// The routes that a record may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// This route: only the kind is misspelled.
    Route(RouteKey),
    /// The routes of a path.
    Path {
        service: Option<ServiceName>,
        path: PathTemplate,
    },
    /// The routes of every path with this prefix.
    Below {
        service: Option<ServiceName>,
        beginning: String,
    },
}

impl Place {
    /// Derives the possible routes from a name that is not a route key.
    pub(crate) fn made_out(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Ok(route) = name.parse() {
            return Some(Self::Route(route));
        }
        let (before, path) = match name.find('/') {
            Some(at) => (&name[..at], Cow::from(&name[at..])),
            // Only the slash is missing.
            None => {
                let at = name.rfind([':', ' '])? + 1;
                (&name[..at], Cow::from(format!("/{}", &name[at..])))
            }
        };
        let service = before.split_once(':').filter(|(_, rest)| !rest.is_empty());
        let service = service.and_then(|(service, _)| service.parse().ok());
        if let Ok(path) = path.parse() {
            return Some(Self::Path { service, path });
        }
        let beginnings = path.char_indices().rev().map(|(at, _)| &path[..at]);
        let mut legible = beginnings
            .filter(|beginning| *beginning != "/" && beginning.parse::<PathTemplate>().is_ok());
        // A record must not close more than it may mean: if nothing of the path is legible, only paths with exactly
        // this text.
        let beginning = legible.next().unwrap_or(&path).to_owned();
        Some(Self::Below { service, beginning })
    }

    /// Returns `true` if the record may be about this route.
    pub(crate) fn covers(&self, route: &RouteKey) -> bool {
        let is_of = |service: &Option<ServiceName>| {
            route.service() == service.as_ref().map(ServiceName::as_str)
        };
        match self {
            Self::Route(meant) => route == meant,
            Self::Path { service, path } => route.path() == path.as_str() && is_of(service),
            Self::Below { service, beginning } => {
                route.path().starts_with(beginning) && is_of(service)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_derived_from_invalid_keys() {
        for (name, own, path) in [
            ("GTE:/a", None, "/a"),
            ("GET /a", None, "/a"),
            ("GET:a/{id}", None, "/{id}"),
            ("GET:a", None, "/a"),
            ("GET a", None, "/a"),
            (":/a/{id}", None, "/a/{id}"),
            ("billing:GTE:/a", Some("billing"), "/a"),
        ] {
            let own: Option<ServiceName> = own.map(|own: &str| own.parse().unwrap());
            let (service, path) = (own, path.parse().unwrap());
            let place = Place::Path { service, path };
            assert_eq!(Place::made_out(name), Some(place), "{name}");
        }
        for (name, beginning) in [
            ("GET:/a{", "/a"),
            ("GET:/{a", "/{a"),
            ("GTE:/a/{id}/b{", "/a/{id}/b"),
        ] {
            let place = Place::Below {
                service: None,
                beginning: beginning.to_owned(),
            };
            assert_eq!(Place::made_out(name), Some(place), "{name}");
        }
        for name in ["", "GET"] {
            assert_eq!(Place::made_out(name), None, "{name}");
        }
        let route = Place::Route("GET:/a".parse().unwrap());
        for name in ["GET:/a", " GET:/a "] {
            assert_eq!(Place::made_out(name), Some(route.clone()));
        }
    }
}
