//! Methods with a disabled feature, so that the compiler names it: nothing implements their bounds.

#![allow(unused_variables)]

#[cfg(all(feature = "axum", not(feature = "swagger-ui")))]
mod swagger_ui {
    #[diagnostic::on_unimplemented(
        message = "`Guarded::docs` needs the feature `swagger-ui` of waygate-rs",
        label = "the feature is off",
        note = "turn it on in Cargo.toml: `features = [\"swagger-ui\"]`"
    )]
    pub trait NeedsSwaggerUi {}

    impl crate::Guarded {
        #[doc(hidden)]
        pub fn docs<T: NeedsSwaggerUi>(self, path: T) -> Self {
            self
        }
    }
}

#[cfg(all(feature = "axum", not(feature = "openapi")))]
mod openapi {
    #[diagnostic::on_unimplemented(
        message = "`Guarded::openapi` needs the feature `openapi` of waygate-rs",
        label = "the feature is off",
        note = "turn it on in Cargo.toml: `features = [\"openapi\"]`"
    )]
    pub trait NeedsOpenApi {}

    impl crate::Guarded {
        #[doc(hidden)]
        pub fn openapi<T: NeedsOpenApi>(self, path: T) -> Self {
            self
        }
    }
}

#[cfg(all(feature = "axum", not(feature = "admin")))]
mod admin {
    #[diagnostic::on_unimplemented(
        message = "`Guarded::admin` needs the feature `admin` of waygate-rs",
        label = "the feature is off",
        note = "turn it on in Cargo.toml: `features = [\"admin\"]`"
    )]
    pub trait NeedsAdmin {}

    impl crate::Guarded {
        #[doc(hidden)]
        pub fn admin<T: NeedsAdmin>(self, prefix: T, admin: impl Sized) -> Self {
            self
        }
    }
}

#[cfg(not(feature = "file"))]
mod file {
    #[diagnostic::on_unimplemented(
        message = "`WaygateBuilder::boot_cache` and `counter_snapshot` need the feature `file` of waygate-rs",
        label = "the feature is off",
        note = "turn it on in Cargo.toml: `features = [\"file\"]`"
    )]
    pub trait NeedsFile {}

    impl crate::WaygateBuilder {
        #[doc(hidden)]
        pub fn boot_cache<T: NeedsFile>(self, path: T) -> Self {
            self
        }

        #[doc(hidden)]
        pub fn counter_snapshot<T: NeedsFile>(self, path: T) -> Self {
            self
        }
    }
}

#[cfg(not(feature = "testing"))]
mod testing {
    #[diagnostic::on_unimplemented(
        message = "`WaygateBuilder::only_handlers_under` needs the feature `testing` of waygate-rs",
        label = "the feature is off",
        note = "turn it on for tests: `features = [\"testing\"]` under `[dev-dependencies]` in Cargo.toml"
    )]
    pub trait NeedsTesting {}

    impl crate::WaygateBuilder {
        #[doc(hidden)]
        pub fn only_handlers_under<T: NeedsTesting>(self, module: T) -> Self {
            self
        }
    }
}
