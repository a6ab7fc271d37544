use waygate_core::{grammar::Invalid, model::RouteKey};

use super::{declared::Source, limits::NO_PRINCIPAL};

/// A registration that failed. The state is unchanged.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{RegisterError, Waygate, model::RouteState};
///
/// let waygate = Waygate::builder().service("billing").build().await?;
/// let own = waygate.register("billing:GET:/payments".parse()?, RouteState::default()).await;
/// assert!(matches!(own, Err(RegisterError::OwnService { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The key contains the service of this process. Register its routes without it.
    #[error(
        "`{key}` names the service of this process: register `{}`",
        of_process(key)
    )]
    OwnService {
        /// The key.
        key: RouteKey,
    },
    /// The key contains another service, but the registration has functions that only a process of that service could
    /// call.
    #[error(
        "`{key}` belongs to another service, so its requests never reach this process: register it without functions \
         and responses"
    )]
    OtherService {
        /// The key.
        key: RouteKey,
    },
    /// A limit is invalid, or does not fit the route.
    #[error("{key}: {invalid}")]
    Invalid {
        /// The route.
        key: RouteKey,
        /// The problem.
        invalid: Invalid,
    },
    /// A limit depends on the caller, but the builder sets no principal type.
    #[error("{key}: the {kind} `{name}` {need}, but no request has a caller: {NO_PRINCIPAL}")]
    NoPrincipal {
        /// The route.
        key: RouteKey,
        /// `rate limit` or `concurrency limit`.
        kind: &'static str,
        /// The name of the limit.
        name: String,
        /// The reason why it needs the caller.
        need: &'static str,
    },
    /// Two declarations of one route differ.
    #[error(
        "`{key}` is declared twice with different {what}: by {}, and by {}; keep one of them, or make them equal",
        origin(first),
        origin(second)
    )]
    Conflict {
        /// The route.
        key: RouteKey,
        /// The part that differs.
        what: String,
        /// The origin of the first declaration.
        first: Source,
        /// The origin of the second declaration.
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
