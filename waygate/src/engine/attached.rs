//! The adapter's data for a route: functions of the application.

use std::{any::Any, fmt, sync::Arc};

use http::request::Parts;
use waygate_core::{grammar::PolicyName, model::RouteKey, port::BoxFuture};

use super::limits::{Functions, NoFunctions};

/// The adapter's functions for one route.
pub(crate) trait AttachedFunctions: Any + fmt::Debug + Send + Sync {
    fn is_empty(&self) -> bool;

    /// Returns `true` if a function returns the key of the rate limit.
    fn has_rate_key(&self, name: &PolicyName) -> bool;

    /// Returns `true` if a function returns the cost of requests of the rate limit.
    fn has_cost(&self, name: &PolicyName) -> bool;

    /// Returns `true` if a function returns the key of the concurrency limit.
    fn has_concurrency_key(&self, name: &PolicyName) -> bool;

    /// Calls the async functions of the limits. The result calls the others, and has all answers.
    fn ask<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Answers<'a>>;

    /// Joins the functions of all routes that govern a request, each for the limits of its route. The first response applies.
    fn among(&self, all: &[(&RouteKey, &Attached)]) -> Attached;

    /// Joins the functions of two declarations.
    ///
    /// # Errors
    /// Names the parts with different functions in both.
    fn union(&self, other: &dyn AttachedFunctions) -> Result<Attached, String>;
}

/// The answers of functions about one request.
pub(crate) type Answers<'a> = Box<dyn Functions + Send + 'a>;

/// The functions that are attached to one route, if any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attached(Option<Arc<dyn AttachedFunctions>>);

impl Attached {
    pub(crate) fn new(functions: impl AttachedFunctions) -> Self {
        Self((!functions.is_empty()).then(|| Arc::new(functions) as Arc<dyn AttachedFunctions>))
    }

    /// The functions of an adapter, if any.
    #[inline]
    pub(crate) fn get<T: AttachedFunctions>(&self) -> Option<&T> {
        let functions: &dyn Any = &**self.0.as_ref()?;
        functions.downcast_ref()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The answers of the functions of limits about a request.
    pub(crate) async fn ask<'a>(&'a self, request: &'a Parts) -> Answers<'a> {
        match &self.0 {
            Some(functions) => functions.ask(request).await,
            None => Box::new(NoFunctions),
        }
    }

    /// Joins the functions of all routes that govern a request.
    pub(crate) fn among(all: &[(&RouteKey, &Self)]) -> Self {
        let first = all.iter().find_map(|(_, attached)| attached.0.as_ref());
        first.map(|first| first.among(all)).unwrap_or_default()
    }

    fn any(&self, has: impl Fn(&dyn AttachedFunctions) -> bool) -> bool {
        self.0.as_deref().is_some_and(has)
    }

    pub(crate) fn has_rate_key(&self, name: &PolicyName) -> bool {
        self.any(|functions| functions.has_rate_key(name))
    }

    pub(crate) fn has_cost(&self, name: &PolicyName) -> bool {
        self.any(|functions| functions.has_cost(name))
    }

    pub(crate) fn has_concurrency_key(&self, name: &PolicyName) -> bool {
        self.any(|functions| functions.has_concurrency_key(name))
    }

    /// Joins the functions of two declarations.
    ///
    /// # Errors
    /// Names the parts with different functions in both.
    pub(crate) fn union(&self, other: &Self) -> Result<Self, String> {
        match (&self.0, &other.0) {
            (Some(ours), Some(theirs)) => ours.union(&**theirs),
            (Some(_), None) => Ok(self.clone()),
            (None, _) => Ok(other.clone()),
        }
    }
}
