//! Rate limits, and the parts that concurrency limits share with them.
//!
//! A `policy` is compiled when something changes. A request goes through `admission`: `matching` finds the policies
//! that apply and the counters to charge, `store` charges them, `outcome` decides, and `stats` records the result. Most
//! routes have one policy with one rate, counted in this process: `charge` handles these. `headers` shows the outcome
//! to the client, and `correction` adjusts the charge to the actual cost. If counters are `shared`, `standings` has
//! their last known values, `share` continues from there while they are unavailable, and `owed` has the units granted
//! meanwhile.

mod admission;
mod after_maintenance;
mod charge;
mod clock;
mod command;
#[cfg(feature = "admin")]
mod confirm;
mod correction;
mod effective;
mod explain;
mod handle;
mod headers;
mod hit_log;
mod key;
mod levels;
mod listing;
mod matching;
mod missing;
mod number;
mod operator;
mod outcome;
mod overrides;
mod owed;
mod policy;
mod problem;
mod record;
mod refusal;
mod replace;
mod request;
mod settings;
mod share;
mod shared;
mod standings;
mod stats;
mod store;

pub(crate) use admission::{Admission, Admitting};
pub(crate) use after_maintenance::ends_maintenance;
pub(crate) use charge::SingleCharge;
pub(crate) use clock::{LimitClock, instant};
pub(crate) use command::LimitCommand;
pub(crate) use effective::Limits;
pub(crate) use explain::Decisions;
pub(crate) use handle::CountersHandle;
pub(crate) use headers::POLICY;
pub(crate) use hit_log::run as write_hits;
pub(crate) use key::LimitedKey;
pub(crate) use levels::{Limitable, MethodLimits, RouteLimits, ScopePolicies, SharedPolicies};
pub(crate) use matching::{Functions, NoFunctions, missing_part};
pub(crate) use matching::{LimitFacts, key_of};
pub(crate) use missing::{NO_PRINCIPAL, caller_around, check_key, needs_of_caller, remedy};
pub(crate) use outcome::Allowed;
pub(crate) use overrides::{Applying, policies_of};
pub(crate) use policy::{ExemptNetworks, Policy, label};
pub(crate) use problem::{Noticed, Problem, lock};
pub use record::{HitQuery, LimitRecord};
pub(crate) use refusal::{Refusal, RefusalCause};
pub(crate) use replace::Known;
#[cfg(feature = "webhooks")]
pub(crate) use replace::{audit_path, service};
pub(crate) use request::RequestInfo;
pub(crate) use settings::LimitConfig;
pub use settings::RateLimitHeaders;
pub(crate) use shared::Shared;
#[cfg(feature = "webhooks")]
pub(crate) use stats::Pressure;
pub(crate) use stats::{Hit, LimitStats};
pub(crate) use store::Counters;
pub use waygate_core::view::{
    CountingMode, CountingModes, DecisionCause, DecisionRecord, DecisionStep, HitRecord, KeyUse,
    LimitCounts, SkippedPolicy,
};
