use std::fmt;

use waygate_core::grammar::{Invalid, RouteSpec};

use super::unmounted::elsewhere;
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

impl fmt::Display for BindErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
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
    #[error("`{handler}` ({location}) is annotated, but no route serves it\n  help: {help}")]
    Unbound {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// What to do about it.
        help: String,
    },
    /// The path does not exist in the router.
    #[error(
        "`{handler}` ({location}) governs `{route}`, but the router has no such path\n  help: \
         give the full path, with the prefix of every `nest`, {}",
        elsewhere(handler)
    )]
    NoSuchPath {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The route that it names.
        route: RouteSpec,
    },
    /// The path exists, but not for this method.
    #[error(
        "`{handler}` ({location}) governs `{route}`, but the router serves that path only with other methods\n  help: \
         correct the method"
    )]
    NoSuchMethod {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The route that it names.
        route: RouteSpec,
    },
    /// What the attributes of a route say is not what was registered or guarded before.
    #[error(transparent)]
    Registered(#[from] crate::RegisterError),
    /// Two handlers claim one route.
    #[error(
        "`{first}` and `{second}` ({location}) both govern `{route}`\n  help: correct `route = \"..\"` of one of them; \
         different routers that serve one method and path need an engine each"
    )]
    ClaimedTwice {
        /// The one handler.
        first: &'static str,
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
         or an engine of its own, or say with `route = \"{route}\"` that the attributes are for both"
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
