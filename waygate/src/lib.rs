//! A runtime control layer for axum APIs.
//!
//! Declare a route's state next to its handler: in maintenance, disabled, limited to some environments, deprecated.
//! Operators can change it at run time.
//!
//! ```standalone_crate
//! # #[cfg(all(feature = "macros", feature = "openapi", feature = "testing"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use utoipa_axum::{router::OpenApiRouter, routes};
//! use waygate::{Waygate, prelude::*, testing::TestApp};
//!
//! /// List payments
//! #[maintenance(reason = "back at 04:00 UTC")]
//! #[utoipa::path(get, path = "/payments", responses((status = OK)))]
//! async fn payments() -> &'static str {
//!     "paid"
//! }
//!
//! let waygate = Waygate::builder().environment("production").build().await?;
//! let api = OpenApiRouter::new().routes(routes!(payments));
//! let app = TestApp::new(waygate.guard(api).await?.into_router());
//! assert_eq!(app.get("/payments").await.status(), 503);
//!
//! waygate.system().enable("GET:/payments", "done").await?;
//! assert_eq!(app.get("/payments").await.text(), "paid");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to start
//!
//! * The attributes: [`macro@maintenance`], [`macro@disabled`], [`macro@env_only`], [`macro@allowed_ips`],
//!   [`macro@allowed_roles`], [`macro@sunset`], [`macro@force_active`],
//!   [`macro@flag_gate`], [`macro@canary`], [`macro@rate_limit`], [`macro@concurrency_limit`].
//! * [`flags!`](macro@flags) declares feature flags with their Rust types, and [`flags::RequestFlags`] reads them.
//! * [`Waygate`], the engine: [`builder`](Waygate::builder), [`guard`](Waygate::guard) and
//!   [`guard_all`](Waygate::guard_all), [`operator`](Waygate::operator),
//!   [`subscribe`](Waygate::subscribe).
//! * [`Guarded`]: the documentation, the admin API, and the router to serve.
//! * [`Blocked`] and [`Responses`]: custom responses.
//! * By subject: [`model`] (routes and their state), [`limits`], [`audit`], [`events`], [`health`], [`response`]
//!   (refusals), [`client`], [`decision`], [`port`] (storage backends and clocks).
//!
//! # How it works
//!
//! Attributes register declarations at compile time. `guard` binds them to the final method and path of their handlers,
//! and puts one tower layer in front of every route. Each request loads one immutable snapshot, and a pure function
//! makes the decision. For an active route, this takes no locks, allocates nothing, does not read the clock and
//! performs no I/O. A change is validated, written to the store together with its audit line, and published as a new
//! snapshot.
//!
//! If the store fails, the last known state applies, [`Waygate::health`] reports it, and changes are refused until the
//! store is back. Closed routes stay closed, and open routes stay open.
//!
//! # Which route governs a request
//!
//! A request is governed by the route that axum matched, together with the request's method. The gate of `GET` applies
//! to `HEAD`.
//!
//! `guard` also resolves the route of each endpoint. The two can differ if the guarded router is nested, mounted with
//! `nest_service`, `route_service` or `fallback_service`, or called by a handler, or if it is behind a layer that
//! changes the method. In that case, both are evaluated and the stricter verdict applies.
//!
//! Every route in the router is governed. Routes without an attribute or a document are registered as active. A path
//! with one handler for every method (`any`, `route_service`, `nest_service`) is one route, named by the bare path
//! (`/path`, `/prefix/{*rest}`). Routes *inside* a nested service are not distinguished. If a path has no route for the
//! request's method, the request must pass all gates of that path.
//!
//! Only global maintenance applies to requests without a matching route, to fallbacks, and to axum's own 405. Limits do
//! not count them.
//!
//! Layers on the router that you pass to `guard` run after the gate. Layers around the guarded router run before it;
//! set [`Roles`](client::Roles) there. [`Guarded::layer`] wraps only the API, not Waygate's own endpoints. See [Waygate
//! among other tower layers] for details.
//!
//! [Waygate among other tower layers]: https://github.com/waygate-rs/waygate/blob/main/docs/tower-layers.md
//!
//! # Features
//!
//! | Feature | Default | Provides |
//! |---|---|---|
//! | `macros` | ✓ | the attributes |
//! | `axum` | ✓ | the layer, [`Waygate::guard`], [`RouteGuard`] |
//! | `openapi` | ✓ | binding through utoipa documents, and the live document |
//! | `swagger-ui` | | Swagger UI with a banner and badges |
//! | `admin` | | the admin REST API |
//! | `flags` | | feature flags ([`mod@flags`]) |
//! | `metrics` | | metrics for Prometheus ([`MetricsCollector`]) |
//! | `otel` | | the same for OpenTelemetry, and attributes of its spans |
//! | `ofrep` | | an OpenFeature Remote Evaluation Protocol server ([`ofrep`]) |
//! | `openfeature` | | the native OpenFeature SDK with the engine's flags ([`openfeature`]) |
//! | `webhooks` | | signed webhooks about changes ([`webhook`]) |
//! | `webhooks-ed25519` | | their signatures with key pairs |
//! | `webhooks-ring` | | ring for their `https`, unless the application has installed another provider |
//! | `file` | | [`port::FileBackend`] |
//! | `redis` | | [`port::RedisBackend`] |
//! | `tls-ring` | | `redis`, and ring as the rustls crypto provider for `rediss://` unless the application has installed another |
//! | `testing` | | helpers for tests |
//! | `engine` | | the engine alone, without axum |
//! | `full` | | everything except `openfeature`, `testing`, `tls-ring` and `webhooks` |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]

#[cfg(feature = "admin")]
pub mod admin;
#[cfg(feature = "admin")]
mod auth;
#[cfg(feature = "engine")]
#[cfg_attr(
    not(feature = "axum"),
    allow(dead_code, unused_imports, reason = "used by the axum adapter")
)]
mod engine;
#[cfg(feature = "axum")]
mod http;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "engine")]
mod missing;
#[cfg(feature = "ofrep")]
pub mod ofrep;
#[cfg(feature = "openapi")]
mod openapi;
#[cfg(feature = "openfeature")]
pub mod openfeature;
#[cfg(feature = "axum")]
mod registry;
#[cfg(feature = "admin")]
mod rest;
mod stamp;
#[cfg(feature = "testing")]
pub mod testing;

/// The most common imports, in one `use`.
///
/// `#[deprecated]` is not included: a glob import would conflict with the built-in attribute of that name.
/// Use its alias `#[sunset]`, or `#[waygate::deprecated]`.
pub mod prelude {
    #[cfg(feature = "engine")]
    pub use crate::Waygate;
    #[cfg(feature = "admin")]
    pub use crate::admin::Credentials;
    #[cfg(all(feature = "axum", feature = "flags", feature = "macros"))]
    pub use crate::canary;
    #[cfg(all(feature = "axum", feature = "flags"))]
    pub use crate::flags::RequestFlags;
    #[cfg(feature = "axum")]
    pub use crate::{Blocked, Responses, limits::Key, response::RequestParts};
    #[cfg(all(feature = "flags", feature = "macros"))]
    pub use crate::{FlagContext, flag_gate};
    #[cfg(feature = "macros")]
    pub use crate::{
        allowed_ips, allowed_roles, concurrency_limit, disabled, env_only, force_active,
        maintenance, rate_limit, sunset,
    };
}

/// Routes and their state: keys, names, lifecycles, maintenance, and the commands that change them.
#[cfg(feature = "engine")]
pub mod model {
    /// A network in CIDR notation, as in [`Access`].
    pub use ipnet::IpNet;
    pub use waygate_core::{
        grammar::{
            EnvName, Interval, LinkTarget, Method, PathTemplate, Reason, RoleName, RouteSpec,
            ServiceName, WindowException,
        },
        model::{
            Access, Deprecation, Disabled, Dropped, DroppedMaintenance, Effective, Epoch,
            ExemptPath, Former, GlobalMaintenance, Lifecycle, PlannedWindow, Position,
            RecurringFields, RecurringMaintenance, RecurringMaintenanceFields, RecurringWindow,
            Revision, RouteKey, RouteState, RouteStatus, RouteView, Span, Window, WindowId,
        },
        transition::{MaintenanceCommand, Refused, RouteCommand},
        view::ScheduledWindow,
    };

    pub use crate::engine::{MaintenanceRecord, Registration, RouteRecord, Source};
}

/// Rate limits and concurrency limits: policies, records, counters, and the functions that attributes name.
#[cfg(feature = "engine")]
pub mod limits {
    pub use waygate_core::{
        grammar::{
            Algorithm, CalendarUnit, KeyPart, KeySource, Limit, OnMissingKey, OnStoreFailure,
            Percentage, Period, PolicyName, Rate, TierLimit, TimeZoneName, Unit,
        },
        model::{ConcurrencyPolicy, LimitKey, LimitScope, RateLimitPolicy, Tier},
    };

    pub use crate::engine::{
        ConcurrencyRecord, CountingMode, CountingModes, DecisionCause, DecisionRecord,
        DecisionStep, HitQuery, HitRecord, KeyUse, LimitCounts, LimitRecord, RateLimitHeaders,
        SkippedPolicy,
    };
    #[cfg(feature = "axum")]
    pub use crate::http::{
        ConcurrencyLimitFunctions, Cost, CostFunction, IntoCostFunction, IntoKeyFunction, Key,
        KeyFunction, RateLimitFunctions,
    };
}

/// The audit log: entries, queries, and the authors of changes.
#[cfg(feature = "engine")]
pub mod audit {
    pub use uuid::Uuid;
    pub use waygate_core::{
        model::{Action, ActionPattern, AuditEntry, Origin, TraceParent},
        port::{AuditPosition, AuditQuery},
    };

    pub use crate::engine::RevertError;
}

/// The stream of changes.
#[cfg(feature = "engine")]
pub mod events {
    pub use crate::engine::{Changed, Event, Events};
}

/// Health, and the start report.
#[cfg(feature = "engine")]
pub mod health {
    pub use crate::engine::{Component, Degraded, Health, Report, Require};
}

/// The requests that routes have served and refused.
#[cfg(feature = "engine")]
pub mod traffic {
    pub use waygate_core::view::{
        Latency, LatencyBucket, RouteTraffic, StatusClasses, Traffic, TrafficHistory, TrafficMinute,
    };
}

/// What planned changes would do.
#[cfg(feature = "engine")]
pub mod plan {
    pub use waygate_core::view::{
        LimitKind, Plan, PlannedChange, PlannedLimit, PlannedRoute, RouteOutcome,
    };

    pub use crate::engine::DryRun;
}

/// Decisions about requests, for adapters to frameworks other than axum.
#[cfg(feature = "engine")]
pub mod decision {
    pub use crate::engine::{Decision, Pass, Refusal, RequestHead};
}

/// The client of a request: its address, its roles, and the proxies trusted to forward it.
#[cfg(feature = "engine")]
pub mod client {
    pub use waygate_core::net::{ForwardingHeader, TrustedProxies};

    pub use crate::engine::Roles;
    #[cfg(feature = "axum")]
    pub use crate::http::ClientAddr;
}

/// Responses to refused requests.
#[cfg(feature = "engine")]
pub mod response {
    /// The head of a request: method, URL, headers and extensions ([`Parts`](::http::request::Parts)).
    pub use ::http::request::Parts as RequestParts;

    pub use crate::engine::{BlockReason, ConcurrencyLimited, KeyMissing, RateLimited};
    #[cfg(feature = "axum")]
    pub use crate::http::{IntoResponder, Responder, RouteGuardRejection};
}

/// Inputs and outputs of [`Waygate::guard`](crate::Waygate::guard): APIs to guard, and services to serve.
#[cfg(feature = "axum")]
pub mod router {
    pub use crate::http::{Api, IntoApi, MakeService, PathError};
}

/// Feature flags: definitions, evaluation, and the commands that change them.
#[cfg(feature = "flags")]
pub mod flags {
    pub use waygate_core::flag::{
        AttributeName, AttributeValue, Cause, ChangeAction, Clause, Compatibility, CompileOptions,
        CompiledFlag, CompiledSegment, Context, ContextAttribute, ContextKey, ContextTargets,
        ContractReason, Definitions, ErrorCode, EvaluationContext, Explanation, Flag, FlagKey,
        FlagSet, FlagSource, FlagStatus, FlagType, FlagValue, HashAlgorithm, Hold, Holdout,
        InvalidContext, LayerRange, Lifecycle, LifecycleRules, MergedContext, Observer, Operator,
        Prerequisite, Problem, ProblemCode, Problems, Progressive, ReadAttribute, Reason,
        ReasonCounts, Resolution, Rule, ScheduledChange, Segment, SegmentKey, SegmentRule, Serve,
        SplitPart, Stage, Step, StepEvent, Tally, TallyCounts, Targets, Variation,
        WeightedVariation, exchange,
    };

    pub use waygate_core::view::FlagGate;

    pub use crate::engine::{
        ArmRecord, CanaryRecord, Conversion, DeclaredVariation, Evaluation, Exposure,
        FlagDeclaration, FlagDetails, FlagDraftRecord, FlagError, FlagEvaluation, FlagFinding,
        FlagMismatch, FlagObservation, FlagPreview, FlagRecord, FlagRequest, FlagScope, FlagUsage,
        FlagVersion, Flags, LatencyHistogram, MissingFlags, Observations, Observed, ReasonUsage,
        ScheduledFlagChange, SeenMove, SeenPreview, SegmentPreview, SegmentRecord, Structured,
        Typed, TypedFlag, VariationUsage,
    };
    #[cfg(feature = "axum")]
    pub use crate::http::RequestFlags;
}

/// Signed webhooks about changes, and their verification.
#[cfg(feature = "webhooks")]
pub mod webhook {
    pub use waygate_core::webhook::{
        Egress, EventFilter, EventPattern, EventType, Message, StoredSecret, TOLERANCE, TargetUrl,
        VerifyError, Webhook, WebhookDefinition, WebhookEvent, WebhookFormat, WebhookHeaders,
        WebhookSecret, Zeroizing, sign,
    };

    pub use crate::engine::{
        AttemptOutcome, Replay, WebhookAttempt, WebhookCounts, WebhookDelivery, WebhookError,
        WebhookOptions, WebhookRecord, verify_webhook as verify,
    };
}

/// Traits for storage backends, counter stores and clocks, and the built-in implementations.
#[cfg(feature = "engine")]
pub mod port {
    pub use futures_core::Stream;
    #[cfg(feature = "file")]
    pub use waygate_backends::{FileBackend, FileBackendBuilder};
    #[cfg(feature = "redis")]
    pub use waygate_backends::{InvalidRedisUrl, RedisBackend, RedisCounters, RedisOptions};
    pub use waygate_backends::{MemoryBackend, MemoryCounters, MemoryCountersBuilder, Outcomes};
    pub use waygate_core::{
        limit::{Calendar, Charged, Counter, Outcome, Quota, Rule, quota::Nanos},
        port::{
            Backend, BackendError, Batch, BoxFuture, BoxStream, Charge, Clock, CommitError,
            CounterError, CounterKey, CounterStore, Entity, EntityKey, Expected, Image, Lost,
            LostUnits, ManualClock, Permit, PermitOutcome, all_allowed,
        },
    };

    pub use crate::engine::OnStoreReset;
}

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(feature = "engine")]
pub use engine::{
    Blocked, BuildError, ChangeError, Operator, Principal, RegisterError, ResolveError, Waygate,
    WaygateBuilder,
};
#[cfg(feature = "axum")]
pub use http::{BindError, BindErrors, Cost, Guarded, Responses, RouteGuard};
#[cfg(feature = "metrics")]
pub use metrics::MetricsCollector;
#[cfg(feature = "engine")]
pub use waygate_core::{
    Date, Secret, Timestamp,
    grammar::Invalid,
    model::{LimitKey, Origin},
};
#[cfg(all(feature = "axum", feature = "flags", feature = "macros"))]
pub use waygate_macros::canary;
#[cfg(all(feature = "flags", feature = "macros"))]
pub use waygate_macros::{FlagContext, flag_gate, flags};
#[cfg(feature = "macros")]
pub use waygate_macros::{
    allowed_ips, allowed_roles, concurrency_limit, deprecated, disabled, env_only, force_active,
    maintenance, rate_limit, sunset,
};

#[cfg(all(doctest, feature = "full", feature = "webhooks"))]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "full", feature = "testing"))]
#[doc = include_str!("../../docs/tower-layers.md")]
struct TowerLayers;

#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../docs/access.md")]
struct Access;
