//! The adapter's data of a route: functions of the application, which the engine merges and returns, but never calls.

#[cfg(feature = "axum")]
pub(crate) use crate::http::Attached;

#[cfg(not(feature = "axum"))]
pub(crate) use none::Attached;

#[cfg(not(feature = "axum"))]
mod none {
    use waygate_core::grammar::PolicyName;

    /// Empty, without an adapter.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Attached(());

    impl Attached {
        pub(crate) fn is_empty(&self) -> bool {
            true
        }

        pub(crate) fn has_rate_key(&self, _: &PolicyName) -> bool {
            false
        }

        pub(crate) fn has_cost(&self, _: &PolicyName) -> bool {
            false
        }

        pub(crate) fn has_concurrency_key(&self, _: &PolicyName) -> bool {
            false
        }

        pub(crate) fn union(&self, _: &Self) -> Result<Self, String> {
            Ok(Self(()))
        }
    }
}
