mod build;
mod stores;

use std::{sync::Arc, time::Duration};

use waygate_backends::MemoryCounters;
use waygate_core::{
    grammar::Algorithm,
    net::TrustedProxies,
    port::{Backend, Clock, CounterStore},
};

#[cfg(feature = "file")]
use super::counter_snapshot;
use super::{
    OnStoreReset, Principal, RateLimitHeaders,
    clock::SystemClock,
    config::Setting,
    limits::{Decisions, LimitBook, Limiting},
    named::Named,
    principal::{self, PrincipalSource},
};

/// Configures an engine. Only [`build`](Self::build) can fail.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is awaited"]
pub struct WaygateBuilder {
    pub(super) environment: Named,
    /// From where settings were read, if they were.
    pub(super) settings: Option<String>,
    pub(super) backend: Option<Arc<dyn Backend>>,
    /// Who has asked for it.
    pub(super) bypass_lifecycle: Option<String>,
    pub(super) bypass_rate_limits: Option<String>,
    service: Option<String>,
    memory_counters: Option<MemoryCounters>,
    pub(super) counters: Option<Arc<dyn CounterStore>>,
    counter_deadline: Duration,
    limiting: Limiting,
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
    #[cfg(feature = "axum")]
    challenge: Option<String>,
    #[cfg(feature = "axum")]
    show_environments: bool,
    #[cfg(feature = "openapi")]
    show_access: bool,
    #[cfg(feature = "axum")]
    allow_unmounted: Vec<String>,
    #[cfg(feature = "testing")]
    only_handlers_under: Vec<String>,
    on_store_reset: OnStoreReset,
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
            limiting: Limiting::default(),
            hit_log_capacity: LimitBook::MAX_HITS,
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
            #[cfg(feature = "axum")]
            challenge: None,
            #[cfg(feature = "axum")]
            show_environments: false,
            #[cfg(feature = "openapi")]
            show_access: true,
            #[cfg(feature = "axum")]
            allow_unmounted: Vec::new(),
            #[cfg(feature = "testing")]
            only_handlers_under: Vec::new(),
            on_store_reset: OnStoreReset::default(),
        }
    }
}

impl WaygateBuilder {
    /// The environment this process runs in, which `#[env_only]` compares with. Comes before `WAYGATE_ENV`, which
    /// [`from_env`](Waygate::from_env) reads. Default: `dev`; the log and the [report](Waygate::report) say so where routes
    /// are for some environments only.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment.in_code = Some(Setting {
            value: name.into(),
            origin: ".environment(..)".to_owned(),
        });
        self
    }

    /// Sets where state is kept; an `Arc` of a backend that is used elsewhere as well will do. Default: in memory, which
    /// forgets changes when the process ends.
    pub fn backend(mut self, backend: impl Backend) -> Self {
        self.backend = Some(Arc::new(backend));
        self
    }

    /// Serves every route as if it were active, global maintenance included. Lists of networks and roles still hold: who may
    /// call a route is no matter of its lifecycle. For emergencies and tests: the log,
    /// [`Waygate::health`] and the [report](Waygate::report) say so.
    pub fn bypass_lifecycle(mut self, bypass: bool) -> Self {
        self.bypass_lifecycle = bypass.then(|| ".bypass_lifecycle(true)".to_owned());
        self
    }

    /// Counts nothing and limits nothing, neither rates nor concurrency. For emergencies and tests: the log,
    /// [`Waygate::health`] and the [report](Waygate::report) say so.
    pub fn bypass_rate_limits(mut self, bypass: bool) -> Self {
        self.bypass_rate_limits = bypass.then(|| ".bypass_rate_limits(true)".to_owned());
        self
    }

    /// The service that this process is part of: its maintenance and its rate limit apply. Checked by `build`.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Where requests are counted in this process. Default: [`MemoryCounters::new`](crate::port::MemoryCounters::new), a million
    /// counters at most.
    pub fn memory_counters(mut self, counters: MemoryCounters) -> Self {
        self.memory_counters = Some(counters);
        self
    }

    /// Counts requests in a store that other processes share. While it is gone, each policy does what its
    /// `on_store_failure` says; what is admitted meanwhile is charged when it is back. Default: every process counts for
    /// itself.
    pub fn counters(mut self, counters: impl CounterStore) -> Self {
        self.counters = Some(Arc::new(counters));
        self
    }

    /// The same for a store that is used elsewhere as well.
    pub fn shared_counters(mut self, counters: Arc<dyn CounterStore>) -> Self {
        self.counters = Some(counters);
        self
    }

    /// How long a request waits for shared counters at most. Default: 50 ms.
    pub fn counter_deadline(mut self, deadline: Duration) -> Self {
        self.counter_deadline = deadline;
        self
    }

    /// The rate-limit headers of responses. Default: [`RateLimitHeaders::Legacy`].
    pub fn rate_limit_headers(mut self, headers: RateLimitHeaders) -> Self {
        self.limiting.headers = headers;
        self
    }

    /// Adds up to this share of the wait to `Retry-After` (0 to 1), another one for each answer, so that clients that were
    /// refused together do not come back together. Default: 0.
    pub fn retry_after_jitter(mut self, share: f32) -> Self {
        self.limiting.jitter = share.clamp(0.0, 1.0);
        self
    }

    /// How limits are counted that name no algorithm: those of attributes, and those that are set over the admin API.
    /// Default: [`Algorithm::FixedWindow`]. A calendar quota that names none stays a fixed window; `guard` refuses other
    /// attributes whose limits the algorithm does not take.
    ///
    /// ```
    /// # use waygate::{Waygate, limits::Algorithm};
    /// let builder = Waygate::builder().default_algorithm(Algorithm::TokenBucket);
    /// ```
    pub fn default_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.limiting.algorithm = algorithm;
        self
    }

    /// How many refusals by limits this process remembers for [`Waygate::rate_limit_hits`], the newest ones. Default: 10,000.
    pub fn hit_log_capacity(mut self, hits: usize) -> Self {
        self.hit_log_capacity = hits;
        self
    }

    /// How many decisions about requests with an `X-Request-Id` this process keeps for [`Waygate::explain`], the newest ones.
    /// Default: 4,096. With 0, the header is not read.
    pub fn decision_log_capacity(mut self, decisions: usize) -> Self {
        self.decision_log_capacity = decisions;
        self
    }

    /// Addresses of IPv6 that agree in so many bits are counted as one client. Default: 64, which is what one customer has.
    pub fn ipv6_prefix(mut self, bits: u8) -> Self {
        self.limiting.ipv6_prefix = bits.min(128);
        self
    }

    /// The type of your callers in the extensions of requests, for limits by user, tiers and roles.
    pub fn principal<P: Principal + Clone>(mut self) -> Self {
        self.principal = Some(principal::source::<P>);
        self
    }

    /// Which proxies may name the client they speak for. Default: none, so that the client is the peer.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// The `WWW-Authenticate` of answers with 401 (RFC 9110 section 11.6.1), which a request gets whose user or API key is
    /// missing where a limit has `on_missing_key = "block"`. Checked by `build`. Default: `Bearer` where the user is missing,
    /// `ApiKey` where the API key is.
    #[cfg(feature = "axum")]
    pub fn challenge(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// Whether the built-in 403 of a route that belongs to other environments names them and the current one
    /// (`allowed_envs` and `current_env`, as Python Waygate does). Default: no, since the caller is one that the route is
    /// closed to. Responses of your own see both in any case, in [`BlockReason::EnvGated`](crate::response::BlockReason::EnvGated).
    /// What the live document names is the matter of `show_access`.
    #[cfg(feature = "axum")]
    pub fn show_environments(mut self, show: bool) -> Self {
        self.show_environments = show;
        self
    }

    /// Whether the live document and its page name the networks, roles and environments that operations are restricted to
    /// (`x-waygate-networks`, `x-waygate-roles`, `x-waygate-environments`, and what the 403 of an operation says).
    /// Default: yes, for callers who are to know what they need. A document for the public is better without internal
    /// networks and names: say `false`, or serve it behind authentication.
    #[cfg(feature = "openapi")]
    pub fn show_access(mut self, show: bool) -> Self {
        self.show_access = show;
        self
    }

    /// Accepts annotated handlers that no route serves: the one of this path (`my_crate::admin::purge`), or all of a
    /// module and those inside it (`my_crate::admin`). `""` accepts all. By default such a handler stops the start. Where
    /// another router of the program serves it, guard both with [`guard_all`](Waygate::guard_all) instead.
    ///
    /// Of several handlers that name one route, as those of routers with an engine each may, the engine binds the one that
    /// is left out least: not at all, or by the shortest path.
    #[cfg(feature = "axum")]
    pub fn allow_unmounted(mut self, path: impl Into<String>) -> Self {
        self.allow_unmounted.push(path.into());
        self
    }

    /// For tests of one part of a program: of all annotated handlers, only those of this module (`my_crate::orders`) and of
    /// those inside it have to be served. Others are bound where the router serves them, and may be left out. To be called
    /// once for each module. A path that no annotated handler is under stops the start.
    ///
    /// Nest the router in the test as the program does, so that its routes have their full paths. Only in the feature
    /// `testing`: a program that is built without it checks all handlers.
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

    /// What to do when the store was emptied or went back in time.
    pub fn on_store_reset(mut self, policy: OnStoreReset) -> Self {
        self.on_store_reset = policy;
        self
    }

    /// Keeps the last known state in this file, for a start while the store is away: closed routes are closed then, too,
    /// and the start waits no longer than half a second for the store. It also lets such a process notice that the store
    /// has [lost](Self::on_store_reset) what it held. Give each process a file of its own, and remove it when the store is
    /// to be another one.
    #[cfg(feature = "file")]
    pub fn boot_cache(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.boot_cache = Some(path.into());
        self
    }

    /// Keeps the counters of this process in this file, so that a limit that is used up stays used up after a restart or a
    /// crash, which loses what was counted in the last second (and while the last file was written). Places of limits of
    /// concurrency are not kept. The file takes 32 bytes for a counter, 64 MiB at most, and is readable for its owner only:
    /// it holds digests of keys and the secret behind them, with which its owner can test guessed keys. Of several processes
    /// with one file, the first keeps its counters in it; give each a file of its own.
    ///
    /// Default: with state in a file, `<state file>.counters`, unless requests are counted in
    /// [another store](Self::counters). What cannot be kept or put back is reported as [`Component::CounterSnapshot`].
    #[cfg(feature = "file")]
    pub fn counter_snapshot(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.counter_snapshot = counter_snapshot::Place::At(path.into());
        self
    }

    /// Keeps no counters of this process in a [file](Self::counter_snapshot).
    #[cfg(feature = "file")]
    pub fn without_counter_snapshot(mut self) -> Self {
        self.counter_snapshot = counter_snapshot::Place::Nowhere;
        self
    }

    /// The clock. For tests: [`ManualClock`](waygate_core::port::ManualClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}
