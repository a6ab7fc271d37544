use std::{fmt, mem};

use waygate_core::grammar::{Invalid, Method, RouteSpec};

use super::help;
use crate::engine::NO_PRINCIPAL;

/// Everything that is wrong with the declarations of an application, each with a remedy.
pub struct BindErrors(pub(super) Vec<BindError>);

impl BindErrors {
    /// The single errors; at least one.
    pub fn errors(&self) -> &[BindError] {
        &self.0
    }
}

impl From<Vec<Invalid>> for BindErrors {
    fn from(errors: Vec<Invalid>) -> Self {
        Self(errors.into_iter().map(BindError::from).collect())
    }
}

impl From<crate::RegisterError> for BindErrors {
    fn from(error: crate::RegisterError) -> Self {
        Self(vec![error.into()])
    }
}

/// What stands between a problem and its help.
const HELP: &str = "\n  help: ";

/// A help that several errors share is printed once, after all of them.
impl fmt::Display for BindErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |error: &BindError| {
            let kind = mem::discriminant(error);
            let alike = self
                .0
                .iter()
                .filter(|other| mem::discriminant(*other) == kind);
            alike.count() > 1
        };
        // Problems by the help that they share, in the order in which they came.
        let mut groups: Vec<(Option<String>, Vec<String>)> = Vec::new();
        for error in &self.0 {
            let text = error.to_string();
            let (problem, own) = match text.split_once(HELP) {
                Some((problem, help)) => (problem, Some(help)),
                None => (&*text, None),
            };
            let general = error.general_help().filter(|_| many(error));
            let help = general.or_else(|| own.map(str::to_owned));
            match groups.iter_mut().find(|(known, _)| *known == help) {
                Some((_, problems)) => problems.push(problem.to_owned()),
                None => groups.push((help, vec![problem.to_owned()])),
            }
        }
        for (index, (help, problems)) in groups.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&problems.join("\n"))?;
            if let Some(help) = help {
                write!(f, "{HELP}{help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for BindErrors {}

waygate_core::debug_as_message!(BindErrors);

/// A declaration that governs nothing, or not what it says.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The handler has attributes, but no route of the router serves it.
    #[error(
        "`{handler}` ({location}) is annotated, but no route serves it{}\n  help: {}",
        operations(alike),
        help::unbound(Some(handler))
    )]
    Unbound {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The operations of that name, perhaps of other handlers.
        alike: Vec<RouteSpec>,
    },
    /// The path does not exist in the router.
    #[error(
        "`{handler}` ({location}) governs `{route}`, but the router has no such path{}\n  help: {}",
        meant(route, nearest.as_ref()),
        help::no_such_path(Some(handler))
    )]
    NoSuchPath {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The route that it names.
        route: RouteSpec,
        /// The route of the router that was probably meant, if one is like it.
        nearest: Option<RouteSpec>,
    },
    /// The path exists, but not for this method.
    #[error(
        "`{handler}` ({location}) governs `{route}`, but the router serves that path only with {}\n  help: correct the method",
        in_words(methods)
    )]
    NoSuchMethod {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The route that it names.
        route: RouteSpec,
        /// The methods that the path is served with.
        methods: Vec<Method>,
    },
    /// What the attributes of a route say is not what was registered or guarded before.
    #[error(transparent)]
    Registered(#[from] crate::RegisterError),
    /// Two handlers claim one route.
    #[error(
        "`{first}` ({first_location}) and `{second}` ({location}) both govern `{route}`\n  help: correct `route = \"..\"` of one of them; \
         if they belong to different routers, give each router an engine of its own, and say what it leaves out: \
         `.allow_unmounted(\"{second}\")` on the engine whose router serves `{first}`, and \
         `.allow_unmounted(\"{first}\")` on the other"
    )]
    ClaimedTwice {
        /// The one handler.
        first: &'static str,
        /// `file:line` of its first attribute.
        first_location: String,
        /// The other handler.
        second: &'static str,
        /// `file:line` of the second handler's first attribute.
        location: String,
        /// The route that both name.
        route: RouteSpec,
    },
    /// Another router that is guarded by the same engine serves the route with a handler of its own.
    #[error(
        "`{handler}` ({location}) is served at `{route}` by one router, and another router serves `{route}` with something \
         else, which its attributes would govern too: on one engine that is one route\n  help: give one of them another path \
         or its router an engine of its own, or say with `route = \"{route}\"` that the attributes are for both"
    )]
    ServedByAnother {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The route that both routers serve.
        route: RouteSpec,
    },
    /// No annotated handler is under the path that `only_handlers_under` names.
    #[error(
        "`only_handlers_under(\"{path}\")` names no annotated handler and no module of one, so that every annotation could \
         be left out\n  help: {help}"
    )]
    NoHandlerUnder {
        /// What was named.
        path: String,
        /// What could be named.
        help: String,
    },
    /// A limit counts by a path parameter that the route does not have.
    #[error(
        "`{handler}` ({location}) counts by `path:{parameter}`, but `{route}` has no such parameter\n  help: {help}"
    )]
    NoSuchParameter {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The route, as the router serves it.
        route: RouteSpec,
        /// The name of the parameter.
        parameter: String,
        /// What to do about it.
        help: String,
    },
    /// A limit counts by the caller, and the builder names no type of callers.
    #[error(
        "`{handler}` ({location}): the `#[{attribute}]` `{name}` {need}, but no request has a caller, so that it would not \
         count as it is meant to\n  help: {NO_PRINCIPAL}"
    )]
    NoPrincipal {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The attribute's name.
        attribute: &'static str,
        /// The name of the limit.
        name: String,
        /// What the limit needs the caller for.
        need: &'static str,
    },
    /// Two limits of one handler have one name.
    #[error(
        "`{handler}` ({location}) has two `#[{attribute}]` of the name `{name}`\n  help: give one of them another name \
         with `name = \"..\"`"
    )]
    SharedName {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The attribute's name.
        attribute: &'static str,
        /// The name of both.
        name: String,
    },
    /// A declaration, or a path of the document, does not follow its grammar.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

waygate_core::debug_as_message!(BindError);

impl BindError {
    /// The help of several errors of its kind, where each has one of its own.
    fn general_help(&self) -> Option<String> {
        match self {
            Self::Unbound { .. } => Some(help::unbound(None)),
            Self::NoSuchPath { .. } => Some(help::no_such_path(None)),
            _ => None,
        }
    }
}

fn operations(alike: &[RouteSpec]) -> String {
    let routes: Vec<String> = alike.iter().map(|route| format!("`{route}`")).collect();
    match routes.is_empty() {
        true => String::new(),
        false => format!(
            "; operations of that name, perhaps of other handlers: {}",
            routes.join(", ")
        ),
    }
}

/// The route that was probably meant, and how its parameters are called where their names alone differ.
fn meant(route: &RouteSpec, nearest: Option<&RouteSpec>) -> String {
    let Some(nearest) = nearest else {
        return String::new();
    };
    // From the end, since a forgotten prefix may have parameters too.
    let parameters = |route: &RouteSpec| -> Vec<String> {
        let names = route.path().parameters().map(str::to_owned);
        names.collect()
    };
    let pairs = parameters(route).into_iter().rev();
    let pairs = pairs.zip(parameters(nearest).into_iter().rev());
    let renamed = pairs.filter(|(asked, named)| asked != named);
    let renamed: Vec<String> = renamed
        .map(|(asked, named)| format!("its parameter is called `{named}`, not `{asked}`"))
        .collect();
    let names = match renamed.is_empty() {
        true => String::new(),
        false => format!(" ({})", renamed.join(", ")),
    };
    format!(": did you mean `{nearest}`?{names}")
}

fn in_words(methods: &[Method]) -> String {
    let names: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    match names.is_empty() {
        true => "other methods".to_owned(),
        false => names.join(", "),
    }
}
