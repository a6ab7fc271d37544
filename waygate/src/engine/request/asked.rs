use http::{HeaderMap, Method, header};

/// The parts of a request that decisions depend on. They are computed when a rule needs them.
pub(crate) trait Asked {
    fn method(&self) -> &Method;

    /// The names of a request without a controlled route for exemptions: paths and templates.
    fn names(&self) -> [Option<&str>; 3];

    /// Returns `true` for a CORS preflight that no handler of the application would see.
    fn is_unhandled_preflight(&self) -> bool;

    /// Evaluates a flag for the context of the request.
    #[cfg(feature = "flags")]
    fn is_on(
        &self,
        flags: &waygate_core::flag::FlagSet,
        flag: &waygate_core::flag::CompiledFlag,
    ) -> Result<bool, waygate_core::flag::ErrorCode>;

    /// Notes a gate of the route in `slot` with a flag that depends on the caller, if the request carries none.
    #[cfg(feature = "flags")]
    fn depends_on_caller(&self, slot: usize, gate: &crate::engine::RouteGate);

    /// Notes that a gate of the route in `slot` serves the default of its flag, with these flags.
    #[cfg(feature = "flags")]
    fn serves_default(
        &self,
        flags: &std::sync::Arc<waygate_core::flag::FlagSet>,
        slot: usize,
        gate: &crate::engine::RouteGate,
        code: waygate_core::flag::ErrorCode,
    );
}

/// Returns `true` if the method and the headers are those of a CORS preflight (Fetch standard, "CORS-preflight
/// request").
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
