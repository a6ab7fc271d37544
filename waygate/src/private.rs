//! What the attributes expand to. Not part of the public interface: it changes without notice.

pub use inventory::submit;
pub use waygate_core::decl::Gate;
#[cfg(feature = "macros")]
pub use waygate_macros::__waygate_bound;

#[cfg(feature = "axum")]
use crate::http::{IntoResponder, Responder};

/// One attribute on one handler, as the linker brings it.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    pub(crate) handler: &'static str,
    pub(crate) gate: Gate,
    pub(crate) route: Option<&'static str>,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    #[cfg(feature = "axum")]
    pub(crate) response: Option<fn() -> Responder>,
}

inventory::collect!(Declaration);

impl Declaration {
    /// `handler` is `module_path!() + "::" + fn name`; `route` what `route = ".."` says, already checked.
    pub const fn new(
        handler: &'static str,
        gate: Gate,
        route: Option<&'static str>,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            handler,
            gate,
            route,
            file,
            line,
            #[cfg(feature = "axum")]
            response: None,
        }
    }

    /// Adds what `response = ..` names.
    #[cfg(feature = "axum")]
    pub const fn with_response(mut self, response: fn() -> Responder) -> Self {
        self.response = Some(response);
        self
    }
}

/// Checks and erases the function that `response = ..` names.
#[cfg(feature = "axum")]
pub fn responder<Kind>(function: impl IntoResponder<Kind>) -> Responder {
    function.into_responder()
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
        /// Whether the handler has a `#[utoipa::path]`.
        const PRESENT: bool;

        /// The operation that utoipa made, or an empty one.
        fn operation_or_empty() -> Operation {
            Operation::new()
        }
    }

    impl<T: utoipa::Path> MaybePath for T {
        const PRESENT: bool = true;

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
