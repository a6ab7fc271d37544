use waygate_core::{grammar::Invalid, model::RouteKey};

use super::{declared::Source, limits::NO_PRINCIPAL};

/// A route that was not registered. Nothing is different from before.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The key names the service of this process. Its routes are registered without it.
    #[error(
        "`{key}` names the service of this process: register `{}`",
        of_process(key)
    )]
    OwnService {
        /// The key.
        key: RouteKey,
    },
    /// The key names another service, and something is registered with it that only the process of that service could call.
    #[error(
        "`{key}` is a route of another service, and its requests never come here: register it without functions and responses"
    )]
    OtherService {
        /// The key.
        key: RouteKey,
    },
    /// A limit contradicts itself or the route.
    #[error("{key}: {invalid}")]
    Invalid {
        /// The route.
        key: RouteKey,
        /// What is wrong.
        invalid: Invalid,
    },
    /// A limit counts by callers, and the builder names no type of them.
    #[error("{key}: the {kind} `{name}` {need}, and no request has a caller: {NO_PRINCIPAL}")]
    NoPrincipal {
        /// The route.
        key: RouteKey,
        /// `rate limit` or `limit of concurrency`.
        kind: &'static str,
        /// The name of the limit.
        name: String,
        /// What it needs of callers.
        need: &'static str,
    },
    /// Two declarations of one route say different things.
    #[error(
        "`{key}` is declared twice with different {what}: by {}, and by {}; keep one of them, or make them equal",
        origin(first),
        origin(second)
    )]
    Conflict {
        /// The route.
        key: RouteKey,
        /// What they disagree about.
        what: String,
        /// Where it was declared before.
        first: Source,
        /// Where it is declared now.
        second: Source,
    },
}

waygate_core::debug_as_message!(RegisterError);

fn of_process(key: &RouteKey) -> String {
    let method = key.method().map(|method| format!("{method}:"));
    format!("{}{}", method.unwrap_or_default(), key.path())
}

fn origin(source: &Source) -> String {
    match source {
        Source::Operation { handler } | Source::Attribute { handler } => {
            format!("attributes of `{handler}`")
        }
        Source::Document => "the OpenAPI document".to_owned(),
        Source::Router => "the router".to_owned(),
        Source::Registered => "`register`".to_owned(),
    }
}
