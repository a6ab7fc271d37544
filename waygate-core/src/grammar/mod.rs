//! Parsers from text to values that are always valid.
//!
//! The attribute macros call these parsers at compile time, and the engine calls them at run time for operators'
//! requests. Both share one grammar and one wording of errors.
//!
//! ```
//! use waygate_core::grammar::RouteSpec;
//!
//! let spec: RouteSpec = "GET /users/{id}".parse()?;
//! assert_eq!(spec.path().as_str(), "/users/{id}");
//!
//! let mistake = "GET /users/:id".parse::<RouteSpec>().unwrap_err();
//! assert_eq!(
//!     mistake.to_string(),
//!     "invalid route `GET /users/:id`: path parameters are written `{id}`, not `:id`",
//! );
//! # Ok::<(), waygate_core::grammar::Invalid>(())
//! ```

mod cidr;
mod consistency;
mod flag_key;
mod hidden;
mod instant;
mod interval;
mod invalid;
mod limiting;
mod method;
mod name;
mod path;
mod rate;
mod recurrence;
mod route;
mod text;

pub use cidr::{canonical_network, parse_cidr, parse_network};
pub use consistency::{
    MAX_MOVING, MAX_TIERS, capacity, check_cost, check_limit, check_resolver, check_tier,
    rates_with_burst, refuses_all,
};
pub use flag_key::{check_flag_key, check_label};
#[cfg(feature = "flags")]
pub(crate) use hidden::is_blank;
pub(crate) use hidden::is_hidden;
#[cfg(feature = "flags")]
pub(crate) use instant::instant;
pub use instant::{
    check_sunset, format_http_date, format_wire, parse_expiry, parse_http_date, parse_instant,
    parse_since, parse_sunset,
};
#[cfg(feature = "model")]
pub(crate) use instant::{storable, whole_micros};
pub use interval::Interval;
pub use invalid::Invalid;
pub use limiting::{
    Algorithm, Cost, KeyPart, KeySource, OnMissingKey, OnStoreFailure, Percentage, TierLimit,
};
pub use method::Method;
pub use name::{EnvName, PolicyName, RoleName, ServiceName, TimeZoneName};
pub use path::PathTemplate;
#[cfg(feature = "model")]
pub(crate) use path::{Dialect, template_problem};
pub use rate::{CalendarUnit, Limit, Period, Rate, Unit};
pub use recurrence::{Recurrence, WindowException, WindowTimes};
#[cfg(feature = "model")]
pub(crate) use recurrence::{length_text, parse_length, parse_time, time_text};
pub use route::RouteSpec;
pub use text::{LinkTarget, Reason};
