use std::{
    fmt,
    sync::{Arc, OnceLock, atomic::Ordering},
};

use redis::{Cmd, Value};
use tokio::task::AbortHandle;
use waygate_core::{
    limit::{Charged, Outcome, quota::Nanos},
    port::{
        BoxFuture, Charge, CounterError, CounterKey, CounterStore, LostUnits, Permit, PermitOutcome,
    },
};

use super::{
    super::{
        RedisOptions,
        link::{LinkState, Permits},
    },
    background,
    groups::reset_of,
    plan::{MILLISECOND, Plan, units_of},
    scripts,
    shared::Shared,
};

/// Counters in Redis, for any number of processes. Clones share one connection.
///
/// * One script decides all charges of a request, in one round trip and according to the clock of Redis. Requests that
///   arrive while three calls are in flight share the next call.
/// * No request waits longer than [`RedisOptions::deadline`]. While Redis is known to be unreachable, none waits at
///   all.
/// * A refused key is refused again without a round trip until it may pass, for up to a second at a time. While Redis
///   does not reply, or replies without counting, the key is refused until it may pass.
/// * With `lease`, a request with a single charge may be granted from units that this process has taken in advance. All
///   processes together lease up to 5 % of the limit. Windows are never exceeded; other algorithms by up to those 5 %,
///   and by more only while processes start that the others have not seen yet. Unused units are refunded after two
///   seconds.
/// * A loss of the counters, because Redis was emptied or replaced, is detected by a key next to them, on each new
///   connection and once a second. The charge that detects it fails, and the caller can
///   [restore](CounterStore::restore) what it remembers.
/// * The units of a call that timed out may have been charged.
///
/// In a cluster, counters of different keys are on different nodes: a request with several keys is decided key by key,
/// and the charges are refunded if a later key refuses.
///
/// ```no_run
/// # use waygate_backends::{RedisCounters, RedisOptions};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), waygate_backends::InvalidRedisUrl> {
/// let counters = RedisCounters::open(RedisOptions::new("redis://127.0.0.1")?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisCounters {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    background: OnceLock<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(background) = self.background.get() {
            background.abort();
        }
    }
}

impl RedisCounters {
    /// Starts to connect, at the latest with the first request. An unreachable Redis is not an error.
    pub fn open(options: RedisOptions) -> Self {
        let counters = Self {
            inner: Arc::new(Inner {
                shared: Arc::new(Shared::new(options)),
                background: OnceLock::new(),
            }),
        };
        if tokio::runtime::Handle::try_current().is_ok() {
            counters.run();
        }
        counters
    }

    /// Checks that Redis is counting at this moment, as far as this is known.
    ///
    /// # Errors
    ///
    /// Returns a [`CounterError`] if it is not.
    pub fn health(&self) -> Result<(), CounterError> {
        match self.shared().link.state() {
            LinkState::Up => Ok(()),
            LinkState::Refusing(error) | LinkState::Down(error) => Err(error.into()),
            LinkState::Connecting => Err(CounterError::Unavailable(
                "there is no connection to Redis yet".to_owned(),
            )),
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    fn run(&self) {
        self.inner.background.get_or_init(|| {
            let shared = Arc::clone(self.shared());
            tokio::spawn(background::run(shared)).abort_handle()
        });
    }
}

impl Shared {
    async fn restore(&self, lost: LostUnits<'_>, now: Nanos) -> Result<(), CounterError> {
        let charge = &lost.charge;
        let name = self.names.counter(charge.counter_key, charge.key);
        let used = i64::try_from(lost.used).unwrap_or(i64::MAX);
        let arguments = |command: &mut Cmd| {
            let plan = Plan::of(charge.rule, now);
            command.arg(2).arg(&name).arg(format!("{name}:restored"));
            command.arg(plan.text(units_of(-used), false));
            command.arg(lost.age / 1_000).arg(lost.still);
            command.arg(lost.left / 1_000);
        };
        let call = self.begin(self.deadline(), Permits::Own).await?;
        self.link.run(call, &scripts::RESTORE, arguments).await?;
        Ok(())
    }

    async fn reset(&self, charge: Charge<'_>, now: Nanos) -> Result<(), CounterError> {
        self.forget_locally(charge.counter_key, charge.key);
        let name = self.names.counter(charge.counter_key, charge.key);
        let lasting = charge.rule.longest_wait(now) / MILLISECOND;
        let arguments = |command: &mut Cmd| {
            command.arg(2).arg(&name).arg(reset_of(&name));
            // Within the range of the scripts.
            command.arg(lasting.clamp(1, 1 << 42));
        };
        let call = self
            .link
            .script(&scripts::RESET, arguments, self.deadline());
        call.await?;
        self.forget_locally(charge.counter_key, charge.key);
        Ok(())
    }

    fn forget_locally(&self, counter_key: &CounterKey, key: &[u8]) {
        let counter = self.blocks.counter(counter_key, key);
        self.blocks.forget(counter);
        self.leases.forget(counter);
    }

    async fn acquire(&self, permit: Permit<'_>) -> Result<PermitOutcome, CounterError> {
        let name = self.names.permits(permit.counter_key, permit.key);
        let lifetime = u64::try_from(permit.lifetime.as_millis()).unwrap_or(u64::MAX);
        let arguments = |command: &mut Cmd| {
            command
                .arg(1)
                .arg(&name)
                .arg(holder(permit.holder))
                .arg(permit.limit);
            // Within the range of the scripts.
            command.arg(lifetime.clamp(1, 1 << 42));
        };
        let answer = self
            .link
            .script(&scripts::ACQUIRE, arguments, self.deadline())
            .await?;
        match &answer {
            Value::Array(results) => match results[..] {
                [Value::Int(allowed), Value::Int(charged)] => Ok(PermitOutcome::new(
                    allowed == 1,
                    u32::try_from(charged).unwrap_or(u32::MAX),
                )),
                _ => Err(self.link.misunderstood("expected a permit").into()),
            },
            _ => Err(self.link.misunderstood("expected a permit").into()),
        }
    }
}

impl CounterStore for RedisCounters {
    fn describe(&self) -> String {
        self.shared().link.options().describe()
    }

    fn check_options(&self) -> Result<(), CounterError> {
        let options = self.shared().link.options();
        options.check().map_err(CounterError::Misconfigured)
    }

    fn charge<'a>(
        &'a self,
        charges: &'a [Charge<'a>],
        now: Nanos,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, CounterError>> {
        Box::pin(async move {
            if charges.is_empty() {
                return Ok(Vec::new());
            }
            self.run();
            self.shared().charge(charges, now).await
        })
    }

    fn adjust<'a>(
        &'a self,
        charge: Charge<'a>,
        units: i64,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.run();
            let shared = self.shared();
            let name = shared.names.counter(charge.counter_key, charge.key);
            shared
                .adjust(&name, Plan::of(charge.rule, now), units)
                .await?;
            if units > 0 {
                shared
                    .blocks
                    .forget(shared.blocks.counter(charge.counter_key, charge.key));
            }
            Ok(())
        })
    }

    fn refund<'a>(
        &'a self,
        charge: Charge<'a>,
        units: u64,
        charged: Charged,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.run();
            let shared = self.shared();
            let name = shared.names.counter(charge.counter_key, charge.key);
            let plan = Plan::of(charge.rule, now);
            shared.refund(&name, plan, units, charged, now).await?;
            let counter = shared.blocks.counter(charge.counter_key, charge.key);
            shared.blocks.forget(counter);
            Ok(())
        })
    }

    fn losses(&self) -> u64 {
        self.shared().mark.losses()
    }

    fn check<'a>(&'a self) -> BoxFuture<'a, Result<(), CounterError>> {
        let shared = self.shared();
        Box::pin(async { Ok(shared.look_at_mark(shared.deadline(), true).await?) })
    }

    fn restore<'a>(
        &'a self,
        lost: LostUnits<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(self.shared().restore(lost, now))
    }

    fn reset<'a>(
        &'a self,
        charge: Charge<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(self.shared().reset(charge, now))
    }

    fn acquire<'a>(
        &'a self,
        permit: Permit<'a>,
        _now: Nanos,
    ) -> BoxFuture<'a, Result<PermitOutcome, CounterError>> {
        Box::pin(self.shared().acquire(permit))
    }

    fn release<'a>(&'a self, permit: Permit<'a>) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            let shared = self.shared();
            let mut command = redis::cmd("ZREM");
            command
                .arg(shared.names.permits(permit.counter_key, permit.key))
                .arg(holder(permit.holder));
            shared.link.call(&command, shared.deadline()).await?;
            Ok(())
        })
    }

    fn health(&self) -> Result<(), CounterError> {
        RedisCounters::health(self)
    }

    fn known_refusal(&self, charges: &[Charge<'_>], now: Nanos) -> Option<Vec<Outcome>> {
        self.shared().last_refusal(charges, now)
    }

    fn replicas(&self) -> u32 {
        self.shared().replicas.load(Ordering::Relaxed).max(1)
    }
}

impl fmt::Debug for RedisCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCounters")
            .field("link", &self.shared().link)
            .finish_non_exhaustive()
    }
}

fn holder(holder: u128) -> String {
    format!("{holder:032x}")
}
