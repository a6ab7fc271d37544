//! The code that attributes expand to. Not part of the public API: it changes without notice.

pub use inventory::submit;
pub use waygate_core::decl::{ConcurrencyLimit, Gate, RateLimit, Recurring};
#[cfg(feature = "macros")]
pub use waygate_macros::__waygate_bound;

#[cfg(feature = "flags")]
pub use crate::engine::{DeclaredFlag, LinkedFlag};
#[cfg(all(feature = "axum", feature = "flags"))]
pub use crate::http::{ArmFuture, canary};
#[cfg(feature = "axum")]
use crate::http::{
    CostFunction, IntoCostFunction, IntoKeyFunction, IntoResponder, KeyFunction, Responder,
};
#[cfg(all(feature = "axum", feature = "flags"))]
pub use axum::{
    extract::{Request, State},
    response::Response,
};
#[cfg(feature = "flags")]
pub use flags::*;

pub use crate::stamp::Stamp;

/// One attribute on one handler, as it was linked.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// `module_path!() + "::" + fn name`. Functions in two `impl` blocks, or inside two function bodies, may share it.
    pub handler: &'static str,
    /// Identifies the function among those with the same path: equal for all its attributes, and stamped on its
    /// operation.
    pub stamp: Stamp,
    /// The attribute's declaration.
    pub gate: Gate,
    /// The routes in `route = ..`, each a `RouteSpec`; the same for all attributes of one handler. If empty, the
    /// handler is bound through its operation in the OpenAPI document.
    pub routes: &'static [&'static str],
    /// The file of the handler.
    pub file: &'static str,
    /// The line of the handler's name.
    pub line: u32,
    /// The flag of a gate.
    #[cfg(feature = "flags")]
    pub flag: Option<&'static DeclaredFlag>,
    /// The function in `response = ..`.
    #[cfg(feature = "axum")]
    pub response: Option<fn() -> Named<Responder>>,
    /// The function in `key = path`.
    #[cfg(feature = "axum")]
    pub key: Option<fn() -> Named<KeyFunction>>,
    /// The function in `cost = path`.
    #[cfg(feature = "axum")]
    pub cost: Option<fn() -> Named<CostFunction>>,
}

inventory::collect!(Declaration);

impl Declaration {
    /// Every linked declaration, without duplicates, in a stable order.
    ///
    /// `#[axum::debug_handler]` repeats the function below it, attributes included, so some are linked twice.
    pub fn all() -> Vec<&'static Self> {
        let mut all: Vec<_> = inventory::iter::<Self>.into_iter().collect();
        all.sort_by_key(|declaration| declaration.attribute());
        all.dedup_by(|later, earlier| later.repeats(earlier));
        all
    }

    /// The identity of an attribute.
    pub(crate) fn attribute(&self) -> impl Ord + use<> {
        let Self {
            handler,
            stamp,
            file,
            line,
            gate,
            ..
        } = *self;
        (handler, file, line, stamp, gate.attribute(), gate.ordinal())
    }

    /// Returns `true` if both are the same attribute.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        let same = self.attribute() == other.attribute()
            && self.gate == other.gate
            && self.routes == other.routes;
        #[cfg(feature = "axum")]
        let same = same && self.names_the_functions_of(other);
        same
    }

    #[cfg(feature = "axum")]
    fn names_the_functions_of(&self, other: &Self) -> bool {
        fn same<T>(one: Option<fn() -> Named<T>>, other: Option<fn() -> Named<T>>) -> bool {
            match (one.map(|one| one().name), other.map(|other| other().name)) {
                (Some(one), Some(other)) => one == other || repeated(one) || repeated(other),
                (one, other) => one == other,
            }
        }
        same(self.response, other.response)
            && same(self.key, other.key)
            && same(self.cost, other.cost)
    }

    /// Creates a declaration without functions; `gate` and `routes` are already checked.
    pub const fn new(
        handler: &'static str,
        stamp: Stamp,
        gate: Gate,
        routes: &'static [&'static str],
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            handler,
            stamp,
            gate,
            routes,
            file,
            line,
            #[cfg(feature = "flags")]
            flag: None,
            #[cfg(feature = "axum")]
            response: None,
            #[cfg(feature = "axum")]
            key: None,
            #[cfg(feature = "axum")]
            cost: None,
        }
    }

    /// Adds the flag of a gate.
    #[cfg(feature = "flags")]
    pub const fn with_flag(mut self, flag: crate::engine::TypedFlag<bool>) -> Self {
        self.flag = Some(flag.declared());
        self
    }

    /// Adds the function in `response = ..`.
    #[cfg(feature = "axum")]
    pub const fn with_response(mut self, response: fn() -> Named<Responder>) -> Self {
        self.response = Some(response);
        self
    }

    /// Adds the function in `key = path`.
    #[cfg(feature = "axum")]
    pub const fn with_key(mut self, key: fn() -> Named<KeyFunction>) -> Self {
        self.key = Some(key);
        self
    }

    /// Adds the function in `cost = path`.
    #[cfg(feature = "axum")]
    pub const fn with_cost(mut self, cost: fn() -> Named<CostFunction>) -> Self {
        self.cost = Some(cost);
        self
    }
}

/// A type-erased function with its path.
#[cfg(feature = "axum")]
#[derive(Debug)]
pub struct Named<T> {
    name: &'static str,
    /// Returns the type-erased function.
    pub function: T,
}

#[cfg(feature = "axum")]
fn named<F, T>(function: F, erase: impl FnOnce(F) -> T) -> Named<T> {
    Named {
        name: std::any::type_name::<F>(),
        function: erase(function),
    }
}

/// Returns `true` for a function inside one that `#[axum::debug_handler]` repeats.
#[cfg(feature = "axum")]
fn repeated(name: &str) -> bool {
    name.contains("::__axum_macros_check_")
}

/// Awaited by a handler with attributes before its body runs, so that its gates apply everywhere.
#[cfg(feature = "axum")]
pub fn entered(stamp: Stamp) -> crate::http::Entered {
    crate::http::Entered::new(stamp)
}

/// Without axum, nothing calls handlers for the engine.
#[cfg(not(feature = "axum"))]
pub fn entered(_stamp: Stamp) -> std::future::Ready<()> {
    std::future::ready(())
}

/// The return type of a handler with attributes, if it is not `async` and the attribute does not know the type.
#[derive(Debug)]
pub struct Returns<T>(std::marker::PhantomData<fn() -> T>);

impl<T> Returns<T> {
    /// Resolved by method priority: the compiler prefers inherent methods to those of a trait.
    pub const NEW: Self = Self(std::marker::PhantomData);
}

impl<T: Future> Returns<T> {
    /// The type is a future.
    pub fn known(&self) -> FutureOfUnknownForm {
        FutureOfUnknownForm(())
    }
}

/// See [`Returns`].
pub trait NoFuture {
    /// The type is not a future.
    fn known(&self) -> Plain {
        Plain(())
    }
}

impl<T> NoFuture for Returns<T> {}

/// The result of [`Returns`] for a future.
#[derive(Debug)]
pub struct FutureOfUnknownForm(());

/// The result of [`Returns`] for any other type.
#[derive(Debug)]
pub struct Plain(());

/// A type that need not be awaited before a handler runs.
#[diagnostic::on_unimplemented(
    message = "the gates of this handler cannot be awaited in the future that it returns",
    label = "a future whose form the attribute does not know",
    note = "make the function `async`, or write its type as `impl Future<Output = ..>`, `Pin<Box<dyn Future<Output = ..> + Send>>` or `BoxFuture<..>`"
)]
pub trait Awaited {}

impl Awaited for Plain {}

/// Compiles for a [`Plain`] result of [`Returns`].
pub fn is_awaited(_: impl Awaited) {}

/// Checks and erases the function in `response = ..`.
#[cfg(feature = "axum")]
pub fn responder<Kind>(function: impl IntoResponder<Kind>) -> Named<Responder> {
    named(function, Responder::new)
}

/// Checks and erases the function in `key = path`.
#[cfg(feature = "axum")]
pub fn key_function<Kind>(function: impl IntoKeyFunction<Kind>) -> Named<KeyFunction> {
    named(function, KeyFunction::new)
}

/// Checks and erases the function in `cost = path`.
#[cfg(feature = "axum")]
pub fn cost_function<Kind>(function: impl IntoCostFunction<Kind>) -> Named<CostFunction> {
    named(function, CostFunction::new)
}

#[cfg(feature = "flags")]
mod flags {
    use std::marker::PhantomData;

    pub use serde_json::Value;
    pub use waygate_core::decl::Flag;

    /// Returns the JSON of a value of a flag; null if it has none.
    pub fn json(value: impl serde::Serialize) -> Value {
        serde_json::to_value(value).unwrap_or_default()
    }

    /// The schema of a type, if it has one: the compiler prefers the inherent method, which needs it.
    #[derive(Debug)]
    pub struct SchemaOf<T>(PhantomData<fn() -> T>);

    impl<T> SchemaOf<T> {
        /// See [`SchemaOf`].
        pub const NEW: Self = Self(PhantomData);
    }

    #[cfg(feature = "openapi")]
    impl<T: utoipa::PartialSchema> SchemaOf<T> {
        /// The schema.
        pub fn schema(&self) -> Option<Value> {
            serde_json::to_value(T::schema()).ok()
        }
    }

    /// See [`SchemaOf`].
    pub trait NoSchema {
        /// No schema.
        fn schema(&self) -> Option<Value> {
            None
        }
    }

    impl<T> NoSchema for SchemaOf<T> {}
}

#[cfg(feature = "openapi")]
pub use identity::{HttpMethod, MaybePath, Operation, stamp};

#[cfg(feature = "openapi")]
mod identity {
    use utoipa::openapi::extensions::Extensions;

    pub use utoipa::openapi::path::{HttpMethod, Operation};

    /// The extension that carries a handler's stamp to the final document.
    pub(crate) const STAMP: &str = "x-waygate-handler";

    /// utoipa's `__path_<fn>` if it exists, our stand-in otherwise.
    pub trait MaybePath {
        /// Returns utoipa's operation, or an empty one.
        fn operation_or_empty() -> Operation {
            Operation::new()
        }
    }

    impl<T: utoipa::Path> MaybePath for T {
        fn operation_or_empty() -> Operation {
            T::operation()
        }
    }

    /// Writes a handler's stamp on an operation.
    pub fn stamp(mut operation: Operation, stamp: &str) -> Operation {
        let stamp = Extensions::builder().add(STAMP, stamp).build();
        match &mut operation.extensions {
            Some(extensions) => extensions.merge(stamp),
            None => operation.extensions = Some(stamp),
        }
        operation
    }
}

#[cfg(feature = "openapi")]
pub(crate) use identity::STAMP;
