use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use waygate_core::{grammar::Invalid, port::CounterStore};

use super::WaygateBuilder;
use crate::engine::answers::AnswerSettings;
use crate::engine::{
    BuildError, Component, Inner, Waygate, bypass, catch_up,
    channels::Channels,
    compiler::{Bypass, Compiler, KeySources},
    concurrency,
    health::Monitor,
    limits::{Counters, CountersHandle, Decisions, LimitConfig, LimitStats, Shared, write_hits},
    open, scheduler,
    snapshot::Snapshot,
    supervise::supervise,
    sync,
    table::Table,
    traffic,
};
#[cfg(feature = "file")]
use crate::engine::{boot_cache, counter_snapshot};

impl WaygateBuilder {
    /// Starts the engine: reads the store, and watches it for changes in the background.
    ///
    /// A store that cannot be read does not prevent the start: the engine is [degraded](Waygate::health) and retries in
    /// the background. While the store is unreachable, declarations or the [boot cache](Self::boot_cache) apply. If it
    /// responds but its content cannot be read ([`Corrupt`](waygate_core::port::BackendError::Corrupt),
    /// [`Unreadable`](waygate_core::port::BackendError::Unreadable)), everything but force-active routes is closed.
    ///
    /// # Errors
    /// Returns a [`BuildError`] if a setting is invalid.
    ///
    /// # Panics
    /// Panics if called outside a tokio runtime.
    pub async fn build(self) -> Result<Waygate, BuildError> {
        let env = self.environment.name()?;
        let service = self.service.as_deref().map(str::parse).transpose();
        let service = service.map_err(|invalid| of("service (.service(..))", invalid))?;
        let answers = AnswerSettings::new(self.challenge.as_deref(), self.show_environments);
        let answers = answers.map_err(|invalid| of("challenge (.challenge(..))", invalid))?;
        self.check_ranges()?;
        #[cfg(feature = "webhooks")]
        let webhooks = self.webhooks.clone().open();
        #[cfg(feature = "webhooks")]
        let webhooks = webhooks.map_err(|invalid| of("webhook (.webhook(..))", invalid))?;
        #[cfg(feature = "flags")]
        self.seeds.check()?;
        #[cfg(feature = "openapi")]
        let answers = answers.showing_access(self.show_access);
        let backend = self.open_backend().await?;
        backend.check_options()?;
        let (monitor, now) = (Monitor::default(), self.clock.now());
        for (component, origin) in [
            (Component::LifecycleBypass, &self.bypass_lifecycle),
            (Component::RateLimitBypass, &self.bypass_rate_limits),
        ] {
            bypass::report(&monitor, component, origin.as_deref(), now);
        }
        #[cfg(feature = "file")]
        let boot_cache = self.open_boot_cache()?;
        #[cfg(feature = "file")]
        let cached = match &boot_cache {
            Some(cache) => boot_cache::read(cache).await,
            None => None,
        };
        #[cfg(not(feature = "file"))]
        let cached = None;
        let stored = match cached {
            Some(stored) => stored,
            None => open::load(&*backend, &monitor, now).await,
        };
        let book = LimitStats::new(self.hit_log_capacity);
        let shared = self.open_counters();
        shared.iter().try_for_each(|store| checked(&**store))?;
        let shared = shared.map(|store| Shared::new(store, self.counter_deadline));
        let local = self.memory_counters.clone().unwrap_or_default();
        let headers = self.limiting.headers;
        let counters = Arc::new(Counters::new(local, shared, self.clock.clone()));
        let handle = CountersHandle::new(&counters);
        #[cfg(feature = "flags")]
        let flag_facts =
            crate::engine::flags::FlagFacts::new(self.flag_observation.clone(), &self.clock);
        let compiler = Compiler {
            env: &env,
            service: service.as_ref(),
            book: &book,
            counters: &handle,
            headers,
            sources: KeySources {
                has_principal: self.principal.is_some(),
            },
            is_part: false,
            bypass: Bypass {
                lifecycle: self.bypass_lifecycle.is_some(),
                rate_limits: self.bypass_rate_limits.is_some(),
            },
            #[cfg(feature = "flags")]
            flags: self.flag_options,
            #[cfg(feature = "flags")]
            flag_facts: &flag_facts,
            now,
        };
        let table = match self.count_requests {
            #[cfg(feature = "metrics")]
            true => Table::counting(self.clock.clone(), self.exemplars),
            #[cfg(not(feature = "metrics"))]
            true => Table::counting(self.clock.clone(), false),
            false => Table::default(),
        };
        let snapshot = Snapshot::build(&stored, Arc::new(table), compiler, 1);
        #[cfg(feature = "flags")]
        self.check_flags(&snapshot, &monitor, now)?;
        #[cfg(feature = "file")]
        let counter_snapshot = {
            let now = counters.clock.now();
            self.open_counter_snapshot(&*backend, &counters.local, counters.shared.is_some(), now)
                .await?
        };
        let inner = Arc::new(Inner {
            env,
            named: self.environment,
            settings: self.settings,
            service,
            counters_handle: handle,
            counters,
            book,
            decisions: Decisions::new(self.decision_log_capacity),
            observed: crate::engine::observed::Observed::default(),
            #[cfg(feature = "metrics")]
            metrics_budget: self.metrics_budget,
            #[cfg(feature = "metrics")]
            has_metrics: std::sync::atomic::AtomicBool::new(false),
            #[cfg(feature = "metrics")]
            dropped_series: std::sync::Mutex::default(),
            limiting: self.limiting,
            #[cfg(feature = "flags")]
            flag_options: self.flag_options,
            #[cfg(feature = "flags")]
            flag_facts,
            #[cfg(feature = "flags")]
            sowing: crate::engine::flags::Sowing::new(self.seeds),
            #[cfg(feature = "flags")]
            flag_contexts: self.flag_contexts,
            principal: self.principal,
            clients: self.proxies.into(),
            answers,
            allow_unmounted: self.allow_unmounted,
            #[cfg(feature = "testing")]
            only_handlers_under: self.only_handlers_under,
            stacked: crate::engine::stacked::Stacked::default(),
            bindings: crate::engine::bindings::Bindings::default(),
            unregistered: crate::engine::unregistered::Unregistered::default(),
            on_store_reset: self.on_store_reset,
            #[cfg(feature = "file")]
            boot_cache,
            #[cfg(feature = "file")]
            counter_snapshot,
            clock: self.clock,
            backend,
            #[cfg(feature = "webhooks")]
            webhooks,
            runtime: tokio::runtime::Handle::current(),
            monitor,
            snapshot: ArcSwap::from_pointee(snapshot),
            stored: Mutex::new(stored),
            channels: Channels::new(1),
            behind: Arc::default(),
        });
        #[cfg(feature = "file")]
        if inner.boot_cache.is_some() {
            boot_cache::look(&inner).await;
            supervise(Component::BootCache, &inner, boot_cache::run);
        }
        // Only a newly opened backend has this.
        if let Some(lost) = inner.backend.lost().await {
            inner.close_lost(&lost).await;
        }
        #[cfg(feature = "file")]
        if inner.counter_snapshot.is_some() {
            counter_snapshot::report_start(&inner);
            supervise(Component::CounterSnapshot, &inner, counter_snapshot::run);
        }
        #[cfg(feature = "flags")]
        {
            inner.note_flags();
            crate::engine::flags::start_sampler(&inner);
            // The health shows a failure, and the scheduler tries again.
            if !inner.monitor.is_degraded(Component::Store) {
                let _ = inner.sow().await;
            }
        }
        traffic::start_sampler(&inner);
        supervise(Component::Sync, &inner, sync::run);
        supervise(Component::Scheduler, &inner, scheduler::run);
        supervise(Component::Traffic, &inner, write_hits);
        #[cfg(feature = "webhooks")]
        crate::engine::webhooks::prepare(&inner).await;
        #[cfg(feature = "webhooks")]
        supervise(Component::Webhooks, &inner, crate::engine::webhooks::run);
        #[cfg(feature = "webhooks")]
        supervise(Component::Webhooks, &inner, crate::engine::webhooks::watch);
        if inner.counters.shared.is_some() {
            supervise(Component::Counters, &inner, concurrency::renew);
            supervise(Component::Counters, &inner, catch_up::run);
        }
        Ok(Waygate { inner })
    }

    /// Checks the settings that have a valid range.
    fn check_ranges(&self) -> Result<(), BuildError> {
        let LimitConfig {
            jitter,
            ipv6_prefix,
            ..
        } = self.limiting;
        if !(0.0..=1.0).contains(&jitter) {
            let problem = "use a number from 0 to 1, such as 0.2";
            let invalid = Invalid::new("share", &jitter.to_string(), problem);
            return Err(of("retry-after jitter (.retry_after_jitter(..))", invalid));
        }
        if !(1..=128).contains(&ipv6_prefix) {
            let problem = "use 1 to 128 bits, such as 64";
            let invalid = Invalid::new("prefix length", &ipv6_prefix.to_string(), problem);
            return Err(of("IPv6 prefix (.ipv6_prefix(..))", invalid));
        }
        if self.counter_deadline.is_zero() {
            let invalid = Invalid::new("time", "0", "use more than 0, such as 50 ms");
            return Err(of("counter deadline (.counter_deadline(..))", invalid));
        }
        self.memory_counters
            .iter()
            .try_for_each(|counters| checked(counters))
    }
}

fn checked(counters: &dyn CounterStore) -> Result<(), BuildError> {
    let checked = counters.check_options();
    checked.map_err(|error| BuildError::Misconfigured(error.to_string()))
}

/// An invalid value of a setting.
fn of(setting: &str, invalid: Invalid) -> BuildError {
    BuildError::Setting {
        setting: setting.to_owned(),
        invalid,
    }
}
