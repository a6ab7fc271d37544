//! Hooks, ready to use.

mod audit;
#[cfg(feature = "tracing")]
mod logging;
#[cfg(feature = "tracing")]
mod rate;
#[cfg(feature = "tracing")]
mod telemetry;

pub use audit::{AuditHook, AuditRecord};
#[cfg(feature = "tracing")]
pub use logging::LoggingHook;
#[cfg(feature = "tracing")]
pub use telemetry::TelemetryHook;
