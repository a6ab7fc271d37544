//! State, commands and decisions, independent of axum.

#[cfg(feature = "axum")]
mod answers;
mod api;
mod attached;
mod audit;
#[cfg(feature = "axum")]
mod bindings;
#[cfg(feature = "file")]
mod boot_cache;
mod builder;
mod bypass;
mod callers;
mod catch_up;
mod channels;
mod clients;
mod clock;
mod commit;
mod compiler;
#[cfg_attr(
    not(feature = "axum"),
    expect(
        dead_code,
        reason = "it is the adapter to a framework that has requests counted"
    )
)]
mod concurrency;
mod config;
#[cfg(feature = "file")]
mod counter_snapshot;
mod deadline;
mod decide;
mod declared;
#[cfg(feature = "admin")]
mod entities;
mod environment;
mod error;
mod event;
mod facts;
mod handle;
#[cfg(feature = "axum")]
mod headers;
mod health;
mod inner;
pub(crate) mod kinds;
#[cfg_attr(
    not(feature = "axum"),
    expect(
        dead_code,
        reason = "it is the adapter to a framework that has requests counted"
    )
)]
mod limits;
mod lineage;
mod listing;
mod maintenance;
mod merge;
mod methods;
mod misnamed;
#[cfg_attr(
    not(feature = "axum"),
    expect(
        dead_code,
        reason = "it is the adapter to a framework that finds handlers"
    )
)]
mod mounts;
mod named;
mod nearest;
mod notice;
mod open;
mod operator;
mod precondition;
mod principal;
mod publish;
mod record;
mod refresh;
mod register;
mod register_error;
mod report;
mod reseed;
mod route_change;
mod scheduler;
mod setback;
#[cfg(feature = "admin")]
mod setting;
mod shutdown;
mod snapshot;
#[cfg(feature = "axum")]
mod stacked;
mod store;
mod store_reset;
mod stored;
mod supervise;
mod sync;
mod table;
mod target;
mod touched;
mod tx;
mod unmatched;
mod unreadable;
#[cfg(feature = "axum")]
mod unregistered;

pub use builder::WaygateBuilder;
pub use concurrency::ConcurrencyRecord;
pub use declared::Source;
pub use error::{BuildError, ChangeError, ResolveError};
pub use event::{Changed, Event, Events};
pub use handle::Waygate;
pub use health::{Component, Degraded, Health};
pub use limits::{
    CountingMode, CountingModes, DecisionCause, DecisionRecord, DecisionStep, HitQuery, HitRecord,
    KeyUse, LimitCounts, LimitRecord, RateLimitHeaders, SkippedPolicy,
};
pub use maintenance::MaintenanceRecord;
pub use operator::Operator;
pub use principal::Principal;
pub use record::RouteRecord;
pub use register::Registration;
pub use register_error::RegisterError;
pub use report::Report;
pub use store_reset::OnStoreReset;
pub use target::RequestTarget;

pub(crate) use attached::Attached;
#[cfg(feature = "axum")]
pub(crate) use attached::AttachedFunctions;
#[cfg(feature = "axum")]
pub(crate) use clients::Clients;
#[cfg(feature = "testing")]
pub(crate) use compiler::Bypass;
#[cfg(feature = "axum")]
pub(crate) use concurrency::{Concurrency, Full, Permit, acquire};
#[cfg(feature = "axum")]
pub(crate) use decide::{Limited, in_test};
pub(crate) use declared::Registered;
#[cfg(feature = "axum")]
pub(crate) use headers::{StateHeaders, uncached};
pub(crate) use inner::Inner;
#[cfg(feature = "axum")]
pub(crate) use limits::{
    Admission, Admitting, Allowed, Functions, LimitFacts, LimitedKey, Limits, NO_PRINCIPAL,
    NoFunctions, POLICY, Policy, Refusal, RefusalCause, RequestInfo, instant, missing_part,
    needs_of_caller,
};
#[cfg(feature = "axum")]
pub(crate) use methods::MethodSet;
#[cfg(feature = "axum")]
pub(crate) use mounts::Mount;
#[cfg(feature = "axum")]
pub(crate) use nearest::nearest;
#[cfg(feature = "admin")]
pub(crate) use precondition::Precondition;
#[cfg(feature = "axum")]
pub(crate) use register::Found;
#[cfg(feature = "openapi")]
pub(crate) use snapshot::Slot;
#[cfg(feature = "axum")]
pub(crate) use snapshot::{Checks, Snapshot};
#[cfg(all(test, feature = "admin"))]
pub(crate) use store::AnyCollection;
#[cfg(feature = "openapi")]
pub(crate) use store::Notice;
#[cfg(feature = "axum")]
pub(crate) use table::{Governing, Served, Table};
#[cfg(feature = "axum")]
pub(crate) use target::{Asked, is_preflight};
#[cfg(feature = "admin")]
pub(crate) use {
    audit::entry as audit_entry,
    kinds::{Logins, MaintenanceScope, Opaque, Records, Tokens},
    limits::LimitCommand,
    maintenance::MaintenanceCommand,
    notice::MaintenanceNotice,
    store::{Collection, Holds, Kind, Setting, Versioned},
};
