//! State, commands and decisions, independent of axum.

mod admit;
mod answers;
mod api;
mod attached;
mod bindings;
#[cfg(feature = "file")]
mod boot_cache;
mod builder;
mod bypass;
mod callers;
#[cfg(feature = "flags")]
mod canary;
mod catch_up;
mod channels;
#[cfg(feature = "admin")]
mod claim;
mod clock;
mod commit;
mod compiler;
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
#[cfg(feature = "flags")]
mod flags;
mod granted;
mod handle;
mod headers;
mod health;
mod inner;
mod jitter;
pub(crate) mod kinds;
mod limits;
mod lineage;
mod listing;
mod maintenance;
mod make;
mod merge;
mod methods;
mod misnamed;
mod mounts;
mod named;
mod nearest;
mod notice;
mod observed;
mod open;
mod operator;
mod plan;
mod precondition;
mod principal;
mod publish;
mod readiness;
mod record;
mod refresh;
mod refusals;
mod register;
mod register_error;
mod report;
mod request;
mod reseed;
mod revert;
mod revert_error;
mod revert_subject;
mod route_change;
mod scheduler;
mod setback;
#[cfg(feature = "admin")]
mod setting;
mod shutdown;
mod snapshot;
mod stacked;
mod staged;
mod staging;
mod store;
mod store_faults;
mod store_reset;
mod stored;
mod supervise;
mod sync;
mod table;
mod touched;
#[cfg(any(feature = "admin", feature = "metrics"))]
mod trace;
mod traffic;
mod tx;
mod unmatched;
mod unreadable;
mod unregistered;
#[cfg(feature = "webhooks")]
mod webhooks;
mod windows;

pub use admit::{Decision, Pass, Refusal};
pub use builder::WaygateBuilder;
#[cfg(feature = "flags")]
pub use canary::{ArmRecord, CanaryRecord, LatencyHistogram};
pub use concurrency::ConcurrencyRecord;
pub use declared::Source;
pub use error::{BuildError, ChangeError, ResolveError};
pub use event::{Changed, Event, Events};
#[cfg(feature = "flags")]
pub use flags::{
    Conversion, DeclaredFlag, DeclaredVariation, Evaluation, Exposure, FlagDeclaration,
    FlagDetails, FlagDraftRecord, FlagError, FlagEvaluation, FlagFinding, FlagMismatch,
    FlagObservation, FlagPreview, FlagRecord, FlagRequest, FlagScope, FlagUsage, FlagVersion,
    Flags, LinkedFlag, MissingFlags, Observations, Observed, ReasonUsage, ScheduledFlagChange,
    SeenMove, SeenPreview, SegmentPreview, SegmentRecord, Structured, Typed, TypedFlag,
    VariationUsage,
};
pub use handle::Waygate;
pub use health::{Component, Degraded, Health};
pub use limits::{
    CountingMode, CountingModes, DecisionCause, DecisionRecord, DecisionStep, HitQuery, HitRecord,
    KeyUse, LimitCounts, LimitRecord, RateLimitHeaders, SkippedPolicy,
};
pub use maintenance::MaintenanceRecord;
pub use operator::Operator;
pub use plan::DryRun;
pub use principal::Principal;
pub use readiness::Require;
pub use record::RouteRecord;
pub use refusals::{BlockReason, Blocked, ConcurrencyLimited, KeyMissing, RateLimited};
pub use register::Registration;
pub use register_error::RegisterError;
pub use report::Report;
pub use request::{RequestHead, Roles};
pub use revert_error::RevertError;
pub use store_reset::OnStoreReset;
#[cfg(feature = "webhooks")]
pub use webhooks::{
    AttemptOutcome, Replay, WebhookAttempt, WebhookCounts, WebhookDelivery, WebhookError,
    WebhookOptions, WebhookRecord, verify as verify_webhook,
};

pub(crate) use attached::Attached;
pub(crate) use attached::{Answers, AttachedFunctions};
#[cfg(feature = "flags")]
pub(crate) use canary::{Arm, ArmRequest, Canary};
#[cfg(feature = "admin")]
pub(crate) use claim::Claim;
#[cfg(feature = "testing")]
pub(crate) use compiler::Bypass;
pub(crate) use concurrency::{Concurrency, Full, PermitGuard, acquire};
pub(crate) use decide::{Limited, announced, in_test};
pub(crate) use declared::Registered;
#[cfg(all(feature = "flags", feature = "testing"))]
pub(crate) use flags::Overrides;
#[cfg(feature = "flags")]
pub(crate) use flags::{ContextSource, PreparedFlags, RouteGate, SharedContext, note_late_caller};
#[cfg(all(feature = "admin", feature = "flags"))]
pub(crate) use flags::{DefinitionKind, definition_subject};
pub(crate) use granted::Granted;
pub(crate) use headers::{StateHeaders, set as set_header};
pub(crate) use inner::Inner;
pub(crate) use limits::{
    Admission, Admitting, Allowed, Functions, LimitedKey, Limits, NO_PRINCIPAL, NoFunctions,
    Policy, SingleCharge, needs_of_caller,
};
pub(crate) use methods::MethodSet;
pub(crate) use mounts::Mount;
pub(crate) use nearest::nearest;
#[cfg(feature = "admin")]
pub(crate) use precondition::Precondition;
pub(crate) use refusals::{LimitRefusal, builtin, note};
pub(crate) use register::Found;
#[cfg(feature = "openapi")]
pub(crate) use request::Asked;
pub(crate) use request::{Framework, Peer, RequestFacts};
#[cfg(feature = "metrics")]
pub(crate) use scheduler::SCHEDULED;
#[cfg(feature = "openapi")]
pub(crate) use snapshot::Slot;
#[cfg(feature = "flags")]
pub(crate) use snapshot::StoredFlag;
pub(crate) use snapshot::{Checks, Snapshot};
#[cfg(all(test, feature = "admin"))]
pub(crate) use store::AnyCollection;
#[cfg(feature = "openapi")]
pub(crate) use store::Notice;
pub(crate) use table::{Governing, Served, Table};
#[cfg(feature = "admin")]
pub(crate) use trace::caller_trace;
#[cfg(feature = "metrics")]
pub(crate) use trace::own_trace;
#[cfg(feature = "axum")]
pub(crate) use traffic::{BlockedBy, Line, Recording};
#[cfg(feature = "metrics")]
pub(crate) use traffic::{EDGES, Ending, Exemplar, Exemplars, LatencyTotals, RouteTraffic};
#[cfg(feature = "admin")]
pub(crate) use {
    kinds::{Devices, Logins, MaintenanceScope, Opaque, Records, Tokens},
    limits::LimitCommand,
    notice::MaintenanceNotice,
    plan::planned,
    revert_subject::{is_of_route, scope_of as scope_of_entry},
    staged::StagedHandle,
    store::{Collection, Holds, Kind, Setting, Versioned},
};
