use std::{fmt, mem};

use waygate_core::grammar::{Invalid, Method, RouteSpec};

use super::help;
use crate::engine::NO_PRINCIPAL;

/// All errors in the declarations of an application, each with a remedy.
///
/// ```standalone_crate
/// use axum::{Router, routing::get};
/// use waygate::{BindError, Waygate, maintenance};
///
/// #[maintenance(route = "GET /payment")]
/// async fn payments() {}
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let waygate = Waygate::builder().build().await?;
/// let api = Router::new().route("/payments", get(payments));
/// let errors = waygate.guard(api).await.unwrap_err();
/// assert!(matches!(errors.errors(), [BindError::NoSuchPath { nearest: Some(_), .. }]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BindErrors(pub(super) Vec<BindError>);

impl BindErrors {
    /// Returns the individual errors; there is at least one.
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

/// The separator between a problem and its help text.
const HELP: &str = "\n  help: ";

/// Prints a help text that several errors share once, after all of them.
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
        // Problems grouped by their shared help, in order of appearance.
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

/// A declaration that governs no route, or the wrong one.
///
/// ```
/// use waygate::{BindErrors, Invalid};
///
/// let invalid = Invalid::new("environment name", "Prod!", "use lowercase letters");
/// let errors = BindErrors::from(vec![invalid]);
/// assert_eq!(errors.errors().len(), 1);
/// ```
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
        /// Operations with that name, possibly of other handlers.
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
        /// The declared route.
        route: RouteSpec,
        /// The most similar route of the router, if there is one.
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
        /// The declared route.
        route: RouteSpec,
        /// The methods of the path.
        methods: Vec<Method>,
    },
    /// The attributes of a route contradict an earlier registration or declaration.
    #[error(transparent)]
    Registered(#[from] crate::RegisterError),
    /// Two handlers claim the same route.
    #[error(
        "`{first}` ({first_location}) and `{second}` ({location}) both govern `{route}`\n  help: correct `route = \
         \"..\"` of one of them; if they belong to different routers, use one engine per router and exclude the \
         other handler: `.allow_unmounted(\"{second}\")` on the engine whose router serves `{first}`, and \
         `.allow_unmounted(\"{first}\")` on the other"
    )]
    ClaimedTwice {
        /// The first handler.
        first: &'static str,
        /// `file:line` of its first attribute.
        first_location: String,
        /// The second handler.
        second: &'static str,
        /// `file:line` of the second handler's first attribute.
        location: String,
        /// The route that both name.
        route: RouteSpec,
    },
    /// Another router guarded by the same engine serves the route with a different handler.
    #[error(
        "`{handler}` ({location}) serves `{route}` in one router, but another router serves `{route}` with another \
         handler: one engine treats both as one route\n  help: change one of the paths, use a separate engine for \
         its router, or apply the attributes to both with `route = \"{route}\"`"
    )]
    ServedByAnother {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The route that both routers serve.
        route: RouteSpec,
    },
    /// No annotated handler is below the path in `only_handlers_under`.
    #[error(
        "`only_handlers_under(\"{path}\")` matches no annotated handler or module, so every annotation could be left \
         out\n  help: {help}"
    )]
    NoHandlerUnder {
        /// The path.
        path: String,
        /// Possible paths.
        help: String,
    },
    /// The key of a limit is a path parameter that the route does not have.
    #[error(
        "`{handler}` ({location}) counts by `path:{parameter}`, but `{route}` has no such parameter\n  help: {help}"
    )]
    NoSuchParameter {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The route, in the router's spelling.
        route: RouteSpec,
        /// The name of the parameter.
        parameter: String,
        /// The remedy.
        help: String,
    },
    /// A limit counts by caller, but no principal type is set on the builder.
    #[error(
        "`{handler}` ({location}): the `#[{attribute}]` `{name}` {need}, but no request has a caller\n  help: \
         {NO_PRINCIPAL}"
    )]
    NoPrincipal {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The name of the attribute.
        attribute: &'static str,
        /// The name of the limit.
        name: String,
        /// The reason why the limit needs the caller.
        need: &'static str,
    },
    /// Two limits of one handler have the same name.
    #[error(
        "`{handler}` ({location}) has two `#[{attribute}]` named `{name}`\n  help: rename one of them with `name = \
         \"..\"`"
    )]
    SharedName {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The name of the attribute.
        attribute: &'static str,
        /// The shared name.
        name: String,
    },
    /// A declaration, or a path of the document, is malformed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

waygate_core::debug_as_message!(BindError);

impl BindError {
    /// The help text that replaces those of several errors of one kind.
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
            "; operations with that name, possibly of other handlers: {}",
            routes.join(", ")
        ),
    }
}

/// The suggested route, with its own parameter names if only these differ.
fn meant(route: &RouteSpec, nearest: Option<&RouteSpec>) -> String {
    let Some(nearest) = nearest else {
        return String::new();
    };
    // Compared from the end, since a missing prefix may have parameters too.
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
