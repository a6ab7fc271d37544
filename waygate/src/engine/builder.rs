mod build;
#[cfg(feature = "flags")]
mod flags;
mod limits;
mod stores;
#[cfg(feature = "webhooks")]
mod webhooks;

use std::{sync::Arc, time::Duration};

use waygate_backends::MemoryCounters;
use waygate_core::{
    net::TrustedProxies,
    port::{Backend, Clock, CounterStore},
};

#[cfg(feature = "file")]
use super::counter_snapshot;
use super::{
    OnStoreReset, Principal,
    clock::SystemClock,
    config::Setting,
    limits::{Decisions, LimitConfig, LimitStats},
    named::Named,
    principal::PrincipalSource,
};

#[doc = include_str!("builder.md")]
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is awaited"]
pub struct WaygateBuilder {
    pub(super) environment: Named,
    /// The sources of settings, if any were read.
    pub(super) settings: Option<String>,
    pub(super) backend: Option<Arc<dyn Backend>>,
    /// The origin of the bypass.
    pub(super) bypass_lifecycle: Option<String>,
    pub(super) bypass_rate_limits: Option<String>,
    service: Option<String>,
    memory_counters: Option<MemoryCounters>,
    pub(super) counters: Option<Arc<dyn CounterStore>>,
    counter_deadline: Duration,
    limiting: LimitConfig,
    hit_log_capacity: usize,
    decision_log_capacity: usize,
    principal: Option<PrincipalSource>,
    #[cfg(feature = "file")]
    pub(super) file: Option<std::path::PathBuf>,
    #[cfg(feature = "file")]
    pub(super) boot_cache: Option<std::path::PathBuf>,
    #[cfg(feature = "file")]
    pub(super) counter_snapshot: counter_snapshot::Place,
    #[cfg(feature = "redis")]
    pub(super) redis: Option<waygate_backends::RedisOptions>,
    #[cfg(feature = "redis")]
    pub(super) redis_counters: Option<waygate_backends::RedisOptions>,
    clock: Arc<dyn Clock>,
    proxies: TrustedProxies,
    challenge: Option<String>,
    show_environments: bool,
    #[cfg(feature = "openapi")]
    show_access: bool,
    allow_unmounted: Vec<String>,
    #[cfg(feature = "testing")]
    only_handlers_under: Vec<String>,
    on_store_reset: OnStoreReset,
    count_requests: bool,
    #[cfg(feature = "metrics")]
    metrics_budget: usize,
    #[cfg(feature = "flags")]
    flag_options: waygate_core::flag::CompileOptions,
    #[cfg(feature = "flags")]
    pub(super) seeds: super::flags::Seeds,
    #[cfg(feature = "flags")]
    pub(super) flag_observation: super::flags::FlagObservation,
    #[cfg(feature = "flags")]
    flag_contexts: super::flags::ContextSource,
    #[cfg(feature = "flags")]
    denied_flags: Vec<super::FlagMismatch>,
    #[cfg(feature = "webhooks")]
    pub(super) webhooks: super::webhooks::Declared,
}

impl Default for WaygateBuilder {
    fn default() -> Self {
        Self {
            environment: Named::default(),
            settings: None,
            backend: None,
            bypass_lifecycle: None,
            bypass_rate_limits: None,
            service: None,
            memory_counters: None,
            counters: None,
            counter_deadline: Duration::from_millis(50),
            limiting: LimitConfig::default(),
            hit_log_capacity: LimitStats::MAX_HITS,
            decision_log_capacity: Decisions::MAX,
            principal: None,
            #[cfg(feature = "file")]
            file: None,
            #[cfg(feature = "file")]
            boot_cache: None,
            #[cfg(feature = "file")]
            counter_snapshot: counter_snapshot::Place::default(),
            #[cfg(feature = "redis")]
            redis: None,
            #[cfg(feature = "redis")]
            redis_counters: None,
            clock: Arc::new(SystemClock::default()),
            proxies: TrustedProxies::none(),
            challenge: None,
            show_environments: false,
            #[cfg(feature = "openapi")]
            show_access: true,
            allow_unmounted: Vec::new(),
            #[cfg(feature = "testing")]
            only_handlers_under: Vec::new(),
            on_store_reset: OnStoreReset::default(),
            count_requests: true,
            #[cfg(feature = "metrics")]
            metrics_budget: 20_000,
            #[cfg(feature = "flags")]
            flag_options: waygate_core::flag::CompileOptions::default(),
            #[cfg(feature = "flags")]
            seeds: super::flags::Seeds::default(),
            #[cfg(feature = "flags")]
            flag_observation: super::flags::FlagObservation::default(),
            #[cfg(feature = "flags")]
            flag_contexts: super::flags::ContextSource::default(),
            #[cfg(feature = "flags")]
            denied_flags: Vec::new(),
            #[cfg(feature = "webhooks")]
            webhooks: super::webhooks::Declared::default(),
        }
    }
}

impl WaygateBuilder {
    /// Sets the environment of this process, for `#[env_only]`. Takes precedence over `WAYGATE_ENV`, which
    /// [`from_env`](crate::Waygate::from_env) reads. Default: `dev`. If routes are limited to some environments and
    /// none is set, the log and the [report](crate::Waygate::report) show this.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment.in_code = Some(Setting {
            value: name.into(),
            origin: ".environment(..)".to_owned(),
        });
        self
    }

    /// Sets the store of the state. Default: in memory; changes are lost when the process ends.
    pub fn backend(mut self, backend: impl Backend) -> Self {
        self.backend = Some(Arc::new(backend));
        self
    }

    /// Serves every route as if it were active, even during global maintenance. Allowed networks and roles still apply,
    /// since access control is independent of the lifecycle. For emergencies and tests; the log,
    /// [`Waygate::health`](crate::Waygate::health) and the [report](crate::Waygate::report) show it.
    pub fn bypass_lifecycle(mut self, bypass: bool) -> Self {
        self.bypass_lifecycle = bypass.then(|| ".bypass_lifecycle(true)".to_owned());
        self
    }

    /// Disables rate limits and concurrency limits. For emergencies and tests; the log, [`Waygate::health`](crate::Waygate::health) and the
    /// [report](crate::Waygate::report) show it.
    pub fn bypass_rate_limits(mut self, bypass: bool) -> Self {
        self.bypass_rate_limits = bypass.then(|| ".bypass_rate_limits(true)".to_owned());
        self
    }

    /// Sets the service that this process belongs to. Its maintenance and its rate limits apply. Checked by `build`.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Sets the counters of this process. Default: [`MemoryCounters::new`](crate::port::MemoryCounters::new), with at
    /// most one million counters.
    pub fn memory_counters(mut self, counters: MemoryCounters) -> Self {
        self.memory_counters = Some(counters);
        self
    }

    /// Sets a counter store that is shared with other processes. While it is unavailable, `on_store_failure` of each
    /// policy applies; units granted in the meantime are charged later. Default: every process counts separately.
    pub fn counters(mut self, counters: impl CounterStore) -> Self {
        self.counters = Some(Arc::new(counters));
        self
    }

    /// Sets the maximum wait for one call to the shared counters; must be positive. A request makes one call for each
    /// of its concurrency limits, and one for all of its rate limits. Further calls charge units that the store has
    /// lost, or that were granted without it. Checked by `build`. Default: 50 ms.
    pub fn counter_deadline(mut self, deadline: Duration) -> Self {
        self.counter_deadline = deadline;
        self
    }

    /// Sets whether guarded routers count requests and measure their latencies, for
    /// [`Waygate::traffic`](crate::Waygate::traffic), dry runs and the metrics of requests. Default: `true`. With
    /// `false`, no clock is read for a request.
    pub fn count_requests(mut self, count: bool) -> Self {
        self.count_requests = count;
        self
    }

    /// Sets the number of series of routes that metrics may have. Default: 20,000, enough for about 700 routes. The
    /// routes that were registered last and exceed it count together, with `_other` as their route.
    ///
    /// ```
    /// let builder = waygate::Waygate::builder().metrics_budget(100_000);
    /// # drop(builder);
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics_budget(mut self, series: usize) -> Self {
        self.metrics_budget = series;
        self
    }

    /// Sets the principal type: the type of your callers in the extensions of requests, for limits by user, tiers and
    /// roles.
    pub fn principal<P: Principal + Clone>(mut self) -> Self {
        self.principal = Some(PrincipalSource::of::<P>());
        self
    }

    /// Sets the trusted proxies, which may forward the client's address. Default: none, so the client is the peer.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Sets the `WWW-Authenticate` header of 401 responses (RFC 9110 section 11.6.1), for requests without the user
    /// or API key of a limit with `on_missing_key = "block"`. Checked by `build`. Default: `Bearer` for a missing
    /// user, `ApiKey` for a missing API key.
    pub fn challenge(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// Adds the current and the allowed environments to the built-in 403 of a route that is limited to other
    /// environments (`allowed_envs` and `current_env`, as in Python Waygate). Default: off, since the route is closed
    /// to the caller. Custom responses always see both, in
    /// [`BlockReason::EnvGated`](crate::response::BlockReason::EnvGated). For the live document, see `show_access`.
    pub fn show_environments(mut self, show: bool) -> Self {
        self.show_environments = show;
        self
    }

    /// Shows the networks, roles and environments that operations are restricted to in the live document and its page
    /// (`x-waygate-networks`, `x-waygate-roles`, `x-waygate-environments`, and the 403 of an operation). Default: on,
    /// so that callers know their requirements. Turn it off for a public document with internal names, or serve the
    /// document behind authentication.
    #[cfg(feature = "openapi")]
    pub fn show_access(mut self, show: bool) -> Self {
        self.show_access = show;
        self
    }

    /// Allows annotated handlers without a route: the handler with this path (`my_crate::admin::purge`), or all
    /// handlers in a module (`my_crate::admin`). `""` allows all. By default, `guard` fails if there is such a handler.
    /// If another router of the program serves it, guard both with [`guard_all`](crate::Waygate::guard_all) instead.
    ///
    /// If several handlers name the same route, as with one engine per router, the engine binds the one that is not
    /// excluded. If all are excluded, it binds the one matched by the least specific (shortest) path.
    #[cfg(feature = "axum")]
    pub fn allow_unmounted(mut self, path: impl Into<String>) -> Self {
        self.allow_unmounted.push(path.into());
        self
    }

    /// For tests of one part of a program: only annotated handlers in this module (`my_crate::orders`) have to be
    /// served. Others are bound if the router serves them. Call it once for each module. `guard` fails if there are no
    /// annotated handlers under the path.
    ///
    /// Nest the router in the test as the program does, so that its routes have their full paths. Requires the
    /// `testing` feature; without it, `guard` checks all handlers.
    ///
    /// ```standalone_crate
    /// mod orders {
    ///     use axum::{Router, routing::get};
    ///     use waygate::prelude::*;
    ///
    ///     #[rate_limit("100/minute", route = "GET /orders/list")]
    ///     async fn list() {}
    ///
    ///     pub fn router() -> Router {
    ///         Router::new().route("/list", get(list))
    ///     }
    /// }
    ///
    /// # mod users {
    /// # #[waygate::disabled(route = "GET /users")]
    /// # #[allow(dead_code)]
    /// # pub async fn list() {}
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use axum::Router;
    /// # use waygate::{Waygate, testing::TestApp};
    /// let orders = concat!(module_path!(), "::orders");
    /// let waygate = Waygate::builder().only_handlers_under(orders).build().await?;
    /// let api = Router::new().nest("/orders", orders::router());
    /// let app = TestApp::new(waygate.guard(api).await?);
    /// assert_eq!(app.get("/orders/list").await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "testing")]
    pub fn only_handlers_under(mut self, module: impl Into<String>) -> Self {
        self.only_handlers_under.push(module.into());
        self
    }

    /// Sets the reaction to a store that was emptied or rolled back.
    pub fn on_store_reset(mut self, policy: OnStoreReset) -> Self {
        self.on_store_reset = policy;
        self
    }

    /// Keeps the last known state in this file, so that the process can start while the store is unreachable: closed
    /// routes stay closed, and the start waits at most half a second for the store. It also detects that the store has
    /// [lost](Self::on_store_reset) its state. Give each process a separate file, and remove it when you change the
    /// store.
    #[cfg(feature = "file")]
    pub fn boot_cache(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.boot_cache = Some(path.into());
        self
    }

    /// Keeps the counters of this process in this file, so that an exhausted limit stays exhausted after a restart or a
    /// crash, except for usage in the last second (plus the duration of the last write). Permits of concurrency limits
    /// are not kept. The file takes 32 bytes per counter and 64 MiB at most. Only its owner can read it: it holds
    /// digests of keys and their secret, which can be used to verify guessed keys. If several processes share one file,
    /// only the first one saves its counters; give each process a separate file.
    ///
    /// Default: `<state file>.counters` if the state is in a file, unless [another store](Self::counters) counts.
    /// Counters that cannot be saved or restored are reported as [`Component::CounterSnapshot`](crate::health::Component::CounterSnapshot).
    #[cfg(feature = "file")]
    pub fn counter_snapshot(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.counter_snapshot = counter_snapshot::Place::At(path.into());
        self
    }

    /// Disables the [file](Self::counter_snapshot) for the counters of this process.
    #[cfg(feature = "file")]
    pub fn without_counter_snapshot(mut self) -> Self {
        self.counter_snapshot = counter_snapshot::Place::Nowhere;
        self
    }

    /// Sets the clock. For tests: [`ManualClock`](waygate_core::port::ManualClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}
