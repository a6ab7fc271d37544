use std::sync::Arc;

use waygate_core::model::{ConcurrencyPolicy, RateLimitPolicy, RouteKey, RouteState};

use super::Attached;

/// One governed route.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) key: RouteKey,
    /// The declaration in code.
    pub(crate) declared: RouteState,
    /// The declared rate limits, in order.
    pub(crate) limits: Vec<RateLimitPolicy>,
    /// The declared concurrency limits, in order.
    pub(crate) concurrency: Vec<ConcurrencyPolicy>,
    /// Functions of the application for the route.
    pub(crate) attached: Attached,
    /// The flags that gate the route.
    #[cfg(feature = "flags")]
    pub(crate) gates: Vec<super::flags::RouteGate>,
    /// The two handlers of the route.
    #[cfg(feature = "flags")]
    pub(crate) canary: Option<Arc<super::canary::Canary>>,
    /// The origin of the route.
    pub(crate) source: Source,
}

/// The origin of a route.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, model::Source};
/// # use waygate::model::RouteState;
///
/// let waygate = Waygate::builder().build().await?;
/// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// let route = waygate.route("GET:/payments")?;
/// assert_eq!(route.source, Some(Source::Registered));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A handler with its id in an operation of the OpenAPI document.
    Operation {
        /// The handler's path.
        handler: &'static str,
    },
    /// A handler that names its route with `route = ".."`.
    Attribute {
        /// The handler's path.
        handler: &'static str,
    },
    /// An operation of the OpenAPI document without any attribute.
    Document,
    /// A route of the router that no document describes.
    Router,
    /// A call of [`Waygate::register`](crate::Waygate::register).
    Registered,
}

impl Source {
    /// Returns the handler's path, if known.
    pub fn handler(&self) -> Option<&'static str> {
        match self {
            Self::Operation { handler } | Self::Attribute { handler } => Some(handler),
            Self::Document | Self::Router | Self::Registered => None,
        }
    }

    /// Returns `true` if the program declares the route itself, and not only serves it.
    pub(crate) fn is_declared(&self) -> bool {
        !matches!(self, Self::Document | Self::Router)
    }
}

impl Registered {
    /// The first of several routes, with the functions of all of them.
    pub(crate) fn among<'a>(
        mut routes: impl Iterator<Item = &'a Arc<Self>> + Clone,
    ) -> Option<Arc<Self>> {
        let all: Vec<_> = routes
            .clone()
            .map(|route| (&route.key, &route.attached))
            .collect();
        let first = routes.next()?;
        if all.iter().all(|(_, attached)| attached.is_empty()) {
            return Some(first.clone());
        }
        Some(Arc::new(Self {
            attached: Attached::among(&all),
            ..(**first).clone()
        }))
    }
}
