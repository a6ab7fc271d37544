use std::{sync::Arc, time::Duration};

use redis::{Cmd, Value};
use tokio::{
    select,
    time::{Instant, sleep, timeout},
};

use super::{
    dial::{Connection, dial, patience},
    error::{LinkError, Verdict, judge},
    shared::{LinkState, Shared},
};
use crate::random;

/// The interval of the heartbeats of a connection.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The timeout of a heartbeat: a dead connection is detected within one and a half seconds.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_millis(500);
/// The maximum of the first pause between two attempts. It doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause while no call is waiting.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause while calls are failing.
const LONGEST_PAUSE_WHEN_WANTED: Duration = Duration::from_millis(800);
/// The longest pause after a denial, which seldom resolves on its own.
const LONGEST_PAUSE_WHEN_DENIED: Duration = Duration::from_millis(1_500);
/// After a connection that lasted this long, the next attempt is immediate.
const STEADY: Duration = Duration::from_secs(2);

/// Proves that scripts run, may read the time as those of the counters do, and can write. The key expires.
const PROBE: &str = "redis.call('TIME') return redis.call('SET', KEYS[1], 1, 'PX', 1000)";

/// A connection, and its refusal, if any.
type Probed = (Connection, Option<LinkError>);

/// Connects, watches the connection, and reconnects, for as long as the link exists.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut pauses = Pauses::default();
    let mut suspect = None;
    loop {
        let (connection, refusal) = connect(&shared, suspect.take(), &mut pauses).await;
        let since = Instant::now();
        shared.install(connection);
        if let Some(refusal) = refusal {
            shared.refuses(&refusal);
        }
        watch(&shared).await;
        suspect = shared.suspect();
        if since.elapsed() >= STEADY {
            pauses = Pauses::default();
        }
    }
}

/// Returns a connection that responded in time, and its refusal, if any.
async fn connect(shared: &Shared, mut suspect: Option<Connection>, pauses: &mut Pauses) -> Probed {
    let mut slowly = false;
    loop {
        pauses.wait(shared, slowly).await;
        let attempt = match suspect.take() {
            Some(connection) => probe(shared, connection).await,
            None => match timeout(patience(&shared.options), dial(&shared.options)).await {
                Ok(Ok(connection)) => probe(shared, connection).await,
                Ok(Err(error)) => Err(judge(&error).1),
                Err(_) => Err(LinkError::Unavailable(
                    "connecting to Redis takes too long".into(),
                )),
            },
        };
        match attempt {
            Ok(probed) => return probed,
            Err(error) => {
                slowly = matches!(error, LinkError::Misconfigured(_));
                shared.still_down(error);
            }
        }
    }
}

/// Checks that the connection supports what calls need, within their deadline. A Redis that is out of memory passes,
/// since it can be read.
async fn probe(shared: &Shared, mut connection: Connection) -> Result<Probed, LinkError> {
    let command = probe_command(shared);
    // Calls with long deadlines do not justify a long wait for a dead connection.
    let patience = shared.options.deadline.min(patience(&shared.options));
    match timeout(patience, connection.send(&command)).await {
        Ok(Ok(Value::Okay)) => Ok((connection, None)),
        Ok(Ok(_)) => Err(nonsense()),
        Ok(Err(error)) => match judge(&error) {
            (Verdict::Refuses, error) => Ok((connection, Some(error))),
            (_, error) => Err(error),
        },
        Err(_) => Err(LinkError::Unavailable("Redis answers too late".into())),
    }
}

/// Returns when the breaker opens.
async fn watch(shared: &Shared) {
    loop {
        select! {
            () = shared.opened.notified() => return,
            () = sleep(HEARTBEAT) => {}
        }
        let Some((generation, mut connection)) = shared.connection() else {
            continue;
        };
        let refusing = matches!(*shared.state.borrow(), LinkState::Refusing(_));
        // Any other reply belongs to another call, so replies and calls no longer match.
        let nonce = random::number().to_string();
        let (command, expected) = match refusing {
            true => (probe_command(shared), Value::Okay),
            false => (
                redis::cmd("PING").arg(&nonce).to_owned(),
                Value::BulkString(nonce.into_bytes()),
            ),
        };
        match timeout(HEARTBEAT_TIMEOUT, connection.send(&command)).await {
            Ok(Ok(answer)) if answer == expected => shared.accepts(),
            Ok(Ok(_)) => shared.failed(generation, Verdict::Broken, &nonsense()),
            Ok(Err(error)) => {
                let (verdict, error) = judge(&error);
                shared.failed(generation, verdict, &error);
            }
            Err(_) => {
                shared.late(generation, connection, HEARTBEAT_TIMEOUT);
            }
        }
    }
}

fn nonsense() -> LinkError {
    LinkError::Misunderstood("unexpected reply from Redis".into())
}

fn probe_command(shared: &Shared) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command
        .arg(PROBE)
        .arg(1)
        .arg(format!("{}:probe", shared.options.prefix));
    command
}

/// The pauses before attempts: none at first, then random up to a limit that doubles.
#[derive(Default)]
struct Pauses {
    attempts: u32,
}

impl Pauses {
    async fn wait(&mut self, shared: &Shared, slowly: bool) {
        let attempts = self.attempts;
        self.attempts = attempts.saturating_add(1);
        let Some(doublings) = attempts.checked_sub(1) else {
            return;
        };
        let limit = (FIRST_PAUSE * (1 << doublings.min(16))).min(LONGEST_PAUSE);
        let (pause, when_wanted) = if slowly {
            let share = 0.5 + random::share() / 2.0;
            (
                LONGEST_PAUSE.mul_f64(share),
                LONGEST_PAUSE_WHEN_DENIED.mul_f64(share),
            )
        } else {
            let pause = limit.mul_f64(random::share());
            (pause, pause.min(LONGEST_PAUSE_WHEN_WANTED))
        };
        sleep(when_wanted).await;
        select! {
            () = sleep(pause - when_wanted) => {}
            () = shared.wanted.notified() => {}
        }
    }
}
