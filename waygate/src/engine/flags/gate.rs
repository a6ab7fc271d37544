//! Routes that are open only while a flag is on.

use serde::Serialize;

use super::declared::DeclaredFlag;

/// The gate of a route: a declared flag, and the response while it is off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteGate {
    pub(crate) flag: &'static DeclaredFlag,
    /// The default of the flag.
    pub(crate) default: bool,
    /// 404 or 403.
    pub(crate) status: u16,
}

impl RouteGate {
    pub(crate) fn new(flag: &'static DeclaredFlag, status: u16) -> Self {
        Self {
            flag,
            default: flag.default_value() == serde_json::Value::Bool(true),
            status,
        }
    }
}

impl PartialEq for RouteGate {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.flag, other.flag) && self.status == other.status
    }
}

/// The flag that gates a route.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, model::RouteState};
///
/// let waygate = Waygate::builder().build().await?;
/// waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// for gate in waygate.route("GET:/payments")?.flag_gates {
///     println!("{} while {} is off", gate.otherwise, gate.flag);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FlagGate {
    /// The key of the flag.
    pub flag: &'static str,
    /// The status of the response while the flag is off: 404 or 403. A function of the application may set another.
    pub otherwise: u16,
}

impl From<&RouteGate> for FlagGate {
    fn from(gate: &RouteGate) -> Self {
        Self {
            flag: gate.flag.key(),
            otherwise: gate.status,
        }
    }
}
