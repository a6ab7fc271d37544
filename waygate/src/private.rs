//! What the attributes expand to. Not part of the public interface: it changes without notice.

pub use inventory::submit;
pub use waygate_core::decl::{ConcurrencyLimit, Gate, RateLimit};
#[cfg(feature = "macros")]
pub use waygate_macros::__waygate_bound;

#[cfg(feature = "axum")]
use crate::http::{
    CostFunction, IntoCostFunction, IntoKeyFunction, IntoResponder, KeyFunction, Responder,
};

/// One attribute on one handler, as the linker brings it.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// `module_path!() + "::" + fn name`, as stamped on the operation. Two functions in two `impl` blocks, or inside
    /// two function bodies, may share it.
    pub handler: &'static str,
    /// What the attribute says.
    pub gate: Gate,
    /// What `route = ..` lists, each a `RouteSpec`; the same for all attributes of one handler. When empty, the handler
    /// is bound through its operation in the OpenAPI document.
    pub routes: &'static [&'static str],
    /// The file of the handler.
    pub file: &'static str,
    /// The line of the handler's name: the same for all its attributes, so that `(handler, file, line)` tells two
    /// functions apart that share an id.
    pub line: u32,
    /// What `response = ..` names.
    #[cfg(feature = "axum")]
    pub response: Option<fn() -> Responder>,
    /// What `key = path` names.
    #[cfg(feature = "axum")]
    pub key: Option<fn() -> KeyFunction>,
    /// What `cost = path` names.
    #[cfg(feature = "axum")]
    pub cost: Option<fn() -> CostFunction>,
}

inventory::collect!(Declaration);

impl Declaration {
    /// Every declaration that is linked in, each once, in an order that is always the same.
    ///
    /// `#[axum::debug_handler]` repeats the function below it, attributes included, so some come from the linker twice.
    pub fn all() -> Vec<&'static Self> {
        let key = |declaration: &&Self| {
            let Self {
                handler,
                file,
                line,
                gate,
                ..
            } = **declaration;
            (handler, file, line, gate.attribute(), gate.ordinal())
        };
        let mut all: Vec<_> = inventory::iter::<Self>.into_iter().collect();
        all.sort_by_key(key);
        all.dedup_by_key(|declaration| key(declaration));
        all
    }

    /// A declaration without functions of its own; `gate` and `routes` are already checked.
    pub const fn new(
        handler: &'static str,
        gate: Gate,
        routes: &'static [&'static str],
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            handler,
            gate,
            routes,
            file,
            line,
            #[cfg(feature = "axum")]
            response: None,
            #[cfg(feature = "axum")]
            key: None,
            #[cfg(feature = "axum")]
            cost: None,
        }
    }

    /// Adds what `response = ..` names.
    #[cfg(feature = "axum")]
    pub const fn with_response(mut self, response: fn() -> Responder) -> Self {
        self.response = Some(response);
        self
    }

    /// Adds what `key = path` names.
    #[cfg(feature = "axum")]
    pub const fn with_key(mut self, key: fn() -> KeyFunction) -> Self {
        self.key = Some(key);
        self
    }

    /// Adds what `cost = path` names.
    #[cfg(feature = "axum")]
    pub const fn with_cost(mut self, cost: fn() -> CostFunction) -> Self {
        self.cost = Some(cost);
        self
    }
}

/// Checks and erases the function that `response = ..` names.
#[cfg(feature = "axum")]
pub fn responder<Kind>(function: impl IntoResponder<Kind>) -> Responder {
    function.into_responder()
}

/// Checks and erases the function that `key = path` names.
#[cfg(feature = "axum")]
pub fn key_function<Kind>(function: impl IntoKeyFunction<Kind>) -> KeyFunction {
    function.into_key_function()
}

/// Checks and erases the function that `cost = path` names.
#[cfg(feature = "axum")]
pub fn cost_function<Kind>(function: impl IntoCostFunction<Kind>) -> CostFunction {
    function.into_cost_function()
}

#[cfg(feature = "openapi")]
pub use identity::{MaybePath, Operation, stamp};

#[cfg(feature = "openapi")]
mod identity {
    use utoipa::openapi::extensions::Extensions;

    pub use utoipa::openapi::path::Operation;

    /// The extension that carries the handler id to the final document.
    pub(crate) const STAMP: &str = "x-waygate-handler";

    /// utoipa's `__path_<fn>` when there is one, our stand-in otherwise.
    pub trait MaybePath {
        /// The operation that utoipa made, or an empty one.
        fn operation_or_empty() -> Operation {
            Operation::new()
        }
    }

    impl<T: utoipa::Path> MaybePath for T {
        fn operation_or_empty() -> Operation {
            T::operation()
        }
    }

    /// Writes the handler id on an operation.
    pub fn stamp(mut operation: Operation, handler: &str) -> Operation {
        let stamp = Extensions::builder().add(STAMP, handler).build();
        match &mut operation.extensions {
            Some(extensions) => extensions.merge(stamp),
            None => operation.extensions = Some(stamp),
        }
        operation
    }
}

#[cfg(feature = "openapi")]
pub(crate) use identity::STAMP;
