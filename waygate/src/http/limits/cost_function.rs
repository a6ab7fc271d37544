use waygate_core::Printable;

use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

use http::request::Parts;

use crate::http::{
    function_id::{Function, FunctionId},
    sealed::Sealed,
};

/// A type-erased function that returns the cost of a request.
///
/// The cost is 1 if the function panics; the panic is logged.
///
/// ```
/// use waygate::{limits::CostFunction, response::RequestParts};
///
/// fn cost(request: &RequestParts) -> u32 {
///     if request.uri.path().starts_with("/export") { 10 } else { 1 }
/// }
/// let cost = CostFunction::new(cost);
/// # drop(cost);
/// ```
#[derive(Clone)]
pub struct CostFunction {
    id: FunctionId,
    cost: Arc<dyn Fn(&Parts) -> u32 + Send + Sync>,
}

impl CostFunction {
    /// Erases the type of `function`.
    pub fn new<Kind>(function: impl IntoCostFunction<Kind>) -> Self {
        function.into_cost_function(Sealed)
    }

    /// Returns the cost of the request.
    pub(crate) fn cost(&self, request: &Parts) -> u32 {
        (self.cost)(request)
    }
}

impl Function for CostFunction {
    fn id(&self) -> FunctionId {
        self.id
    }
}

impl fmt::Debug for CostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CostFunction(fn)")
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub enum FunctionKind {}

/// Functions that return a cost: `fn(&RequestParts) -> u32`.
///
/// `Kind` distinguishes plain functions from type-erased ones; it is always inferred.
///
/// ```
/// use waygate::limits::{IntoCostFunction, RateLimitFunctions};
///
/// fn costly<Kind>(cost: impl IntoCostFunction<Kind>) -> RateLimitFunctions {
///     RateLimitFunctions::new().cost(cost)
/// }
/// # let _ = costly(|_: &waygate::response::RequestParts| 10);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cost function",
    label = "expected `fn(&waygate::response::RequestParts) -> u32`",
    note = "a cost function cannot be async"
)]
pub trait IntoCostFunction<Kind> {
    #[doc(hidden)]
    fn into_cost_function(self, _: Sealed) -> CostFunction;
}

impl<F> IntoCostFunction<FunctionKind> for F
where
    F: Fn(&Parts) -> u32 + Send + Sync + 'static,
{
    fn into_cost_function(self, _: Sealed) -> CostFunction {
        CostFunction {
            id: FunctionId::of(&self),
            cost: Arc::new(move |request| {
                let cost = std::panic::catch_unwind(AssertUnwindSafe(|| self(request)));
                cost.unwrap_or_else(|_| panicked(request))
            }),
        }
    }
}

impl IntoCostFunction<CostFunction> for CostFunction {
    fn into_cost_function(self, _: Sealed) -> CostFunction {
        self
    }
}

#[cold]
fn panicked(request: &Parts) -> u32 {
    let path = request.uri.path();
    tracing::error!(path = ?Printable(path), "a cost function panicked; the request costs 1");
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(request: &Parts) -> u32 {
        let path = request.uri.path();
        assert_ne!(path, "/panic");
        path.len().try_into().unwrap()
    }

    #[test]
    fn a_panicking_function_costs_one() {
        let function = CostFunction::new(CostFunction::new(length));
        let cost = |path| {
            let (request, ()) = http::Request::get(path).body(()).unwrap().into_parts();
            function.cost(&request)
        };
        assert_eq!((cost("/abc"), cost("/panic")), (4, 1));
        assert_eq!(format!("{function:?}"), "CostFunction(fn)");
    }
}
