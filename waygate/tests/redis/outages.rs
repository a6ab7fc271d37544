//! Limits during outages of Redis: used-up limits stay used up, and no outage grants a limit again.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Extension, Router, http::StatusCode, routing::get};
use tokio::{sync::Semaphore, task::block_in_place};
use waygate::{
    Waygate,
    port::{CounterStore, RedisCounters},
    prelude::*,
    testing::TestApp,
};
use waygate_faultproxy::{RedisProc, eventually};

use crate::support::{PATIENCE, options};

/// One path for each algorithm.
const PATHS: [&str; 5] = ["/fixed", "/sliding", "/moving", "/bucket", "/calendar"];

/// The limit of every path.
const LIMIT: usize = 100;

#[rate_limit("100/hour", key = "global", route = "GET /fixed")]
async fn fixed() {}

#[rate_limit(
    "100/hour",
    key = "global",
    algorithm = "sliding_window",
    route = "GET /sliding"
)]
async fn sliding() {}

#[rate_limit(
    "100/hour",
    key = "global",
    algorithm = "moving_window",
    route = "GET /moving"
)]
async fn moving() {}

#[rate_limit(
    "100/hour",
    key = "global",
    algorithm = "token_bucket",
    route = "GET /bucket"
)]
async fn bucket() {}

#[rate_limit("100/calendar month", key = "global", route = "GET /calendar")]
async fn calendar() {}

/// A path parameter for tests that need several keys.
#[rate_limit("100/hour", key = "path:id", route = "GET /keys/{id}")]
async fn keys() {}

#[rate_limit("5/3 seconds", key = "global", route = "GET /short")]
async fn short() {}

#[concurrency_limit(4, key = "global", route = "GET /stream")]
async fn stream(Extension(door): Extension<Arc<Door>>) {
    door.entered.add_permits(1);
    door.open.acquire().await.unwrap().forget();
}

/// Where requests to `/stream` wait.
struct Door {
    entered: Semaphore,
    open: Semaphore,
}

/// One of several processes.
struct Replica {
    waygate: Waygate,
    counters: RedisCounters,
    app: TestApp,
    door: Arc<Door>,
}

impl Replica {
    async fn start(addr: SocketAddr) -> Self {
        let counters = RedisCounters::open(options(addr));
        let builder = Waygate::builder().allow_unmounted("");
        let waygate = builder.counters(counters.clone()).build().await.unwrap();
        let closed = || Semaphore::new(0);
        let (entered, open) = (closed(), closed());
        let door = Arc::new(Door { entered, open });
        let router = Router::new()
            .route("/fixed", get(fixed))
            .route("/sliding", get(sliding))
            .route("/moving", get(moving))
            .route("/bucket", get(bucket))
            .route("/calendar", get(calendar))
            .route("/keys/{id}", get(keys))
            .route("/short", get(short))
            .route("/stream", get(stream))
            .layer(Extension(door.clone()));
        let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
        eventually(PATIENCE, "a connection", || counters.health().is_ok()).await;
        Self {
            waygate,
            counters,
            app,
            door,
        }
    }

    async fn passes(&self, path: &str) -> bool {
        match self.app.get(path).await.status() {
            StatusCode::OK => true,
            StatusCode::TOO_MANY_REQUESTS => false,
            other => panic!("{other}"),
        }
    }

    /// Returns how many of these requests pass.
    async fn passing(&self, path: &str, requests: usize) -> usize {
        let mut passing = 0;
        for _ in 0..requests {
            passing += usize::from(self.passes(path).await);
        }
        passing
    }

    /// Opens a stream, which lives until the task is aborted.
    async fn open_stream(&self) -> tokio::task::JoinHandle<()> {
        let app = self.app.clone();
        let stream = tokio::spawn(async move {
            app.get("/stream").await;
        });
        let entered = tokio::time::timeout(PATIENCE, self.door.entered.acquire());
        entered.await.expect("a place").unwrap().forget();
        stream
    }

    async fn until(&self, is_well: bool) {
        let what = if is_well { "Redis again" } else { "the fault" };
        let holds = || self.counters.health().is_ok() == is_well;
        eventually(PATIENCE, what, holds).await;
    }
}

/// Replicas that know of each other.
async fn replicas<const N: usize>(server: &RedisProc) -> [Replica; N] {
    let mut replicas = Vec::new();
    for _ in 0..N {
        replicas.push(Replica::start(server.addr()).await);
    }
    let expected = u32::try_from(N).unwrap();
    for replica in &replicas {
        let known = || replica.counters.replicas() == expected;
        eventually(PATIENCE, "all replicas", known).await;
    }
    // Loads the script into Redis before the faults, so that no replica is delayed by it.
    for replica in &replicas {
        replica.passes("/keys/warm").await;
    }
    replicas.try_into().ok().unwrap()
}

async fn freeze(server: &RedisProc, replicas: &[Replica]) {
    server.stop();
    for replica in replicas {
        replica.until(false).await;
    }
}

async fn thaw(server: &RedisProc, replicas: &[Replica]) {
    server.cont();
    for replica in replicas {
        replica.until(true).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_up_limit_is_not_granted_again() {
    for path in ["/fixed", "/sliding", "/moving", "/bucket", "/calendar"] {
        let mut server = RedisProc::start();
        let replicas = replicas::<3>(&server).await;
        let mut used = 0;
        for request in 0..LIMIT {
            used += replicas[request % 3].passing(path, 1).await;
        }
        assert!(used >= LIMIT - 1, "{path}: {used}");
        block_in_place(|| server.kill());
        for replica in &replicas {
            replica.until(false).await;
        }
        let mut more = 0;
        for replica in &replicas {
            more += replica.passing(path, 40).await;
        }
        // One for each replica that knew of one or two units left.
        assert!(more <= 3, "{path}: {more} more than the {used} before");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remaining_units_are_shared() {
    let server = RedisProc::start();
    let replicas = replicas::<3>(&server).await;
    for replica in &replicas {
        assert_eq!(replica.passing("/fixed", 10).await, 10);
    }
    // The first replica knows of 90 units, the last of 70.
    freeze(&server, &replicas).await;
    let mut passing = [0; 3];
    for (count, replica) in passing.iter_mut().zip(&replicas) {
        *count = replica.passing("/fixed", 40).await;
        assert_eq!(replica.passing("/keys/unknown", 40).await, 34);
    }
    assert_eq!(passing, [30, 27, 24]);
    server.cont();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_outage_continues_where_the_first_one_ended() {
    for path in ["/fixed", "/sliding", "/moving", "/bucket", "/calendar"] {
        let server = RedisProc::start();
        let [replica] = replicas::<1>(&server).await;
        let replicas = std::slice::from_ref(&replica);
        let mut passing = replica.passing(path, 40).await;
        for _ in 0..3 {
            freeze(&server, replicas).await;
            passing += replica.passing(path, 40).await;
            thaw(&server, replicas).await;
            passing += replica.passing(path, 5).await;
        }
        assert!(
            (LIMIT - 2..=LIMIT + 1).contains(&passing),
            "{path}: {passing}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_freezes_do_not_add_up_to_another_limit() {
    let server = RedisProc::start();
    let replicas = replicas::<3>(&server).await;
    let mut passing = 0;
    for _ in 0..12 {
        server.stop();
        for replica in &replicas {
            // The first request detects it.
            passing += replica.passing("/fixed", 6).await;
        }
        thaw(&server, &replicas).await;
        for replica in &replicas {
            passing += replica.passing("/fixed", 3).await;
        }
    }
    println!("12 freezes: {passing} of {LIMIT}");
    assert!(passing <= LIMIT + 3, "{passing}");
    // One request of each freeze may have been charged twice: by Redis before, and by the replica.
    assert!(passing >= LIMIT - 2 * 12 * 3, "{passing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_wait_for_the_known_usage() {
    let server = RedisProc::start();
    let [replica] = replicas::<1>(&server).await;
    assert_eq!(replica.passing("/fixed", 97).await, 97);
    server.stop();
    let requests = (0..64).map(|_| replica.passing("/fixed", 1));
    let passing: usize = futures_util::future::join_all(requests).await.iter().sum();
    server.cont();
    assert!(passing <= 3, "{passing}");
}

/// Charges keys that were admitted while Redis was down and are not used again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_admitted_without_redis_are_charged_when_it_is_back() {
    let server = RedisProc::start();
    let replicas = replicas::<2>(&server).await;
    freeze(&server, &replicas).await;
    for key in ["one", "other"] {
        let path = format!("/keys/{key}");
        assert_eq!(replicas[0].passing(&path, 60).await, 50);
    }
    thaw(&server, &replicas).await;
    // Includes the counter of the first request.
    let counters = || server.command(&["EVAL", COUNTERS, "0"]);
    eventually(PATIENCE, "both are charged", || counters() == "3").await;
    for key in ["one", "other"] {
        assert_eq!(
            replicas[1].passing(&format!("/keys/{key}"), 100).await,
            50,
            "{key}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_grants_nothing_again() {
    for path in PATHS {
        let mut server = RedisProc::start();
        let [replica] = replicas::<1>(&server).await;
        let mut passing = replica.passing(path, LIMIT + 10).await;
        assert!(passing >= LIMIT - 1, "{path}: {passing}");
        for round in 0..3 {
            block_in_place(|| server.kill());
            replica.until(false).await;
            if round > 0 {
                passing += replica.passing(path, 20).await;
            }
            block_in_place(|| server.restart());
            replica.until(true).await;
            passing += replica.passing(path, 40).await;
        }
        assert!(passing <= LIMIT + 1, "{path}: {passing}");
    }
}

/// Charges what several replicas know of and admitted without Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_is_charged_once() {
    for path in PATHS {
        let mut server = RedisProc::start();
        let replicas = replicas::<2>(&server).await;
        for _ in 0..15 {
            for replica in &replicas {
                assert_eq!(replica.passing(path, 1).await, 1);
            }
        }
        let mut passing = 30;
        for _ in 0..2 {
            block_in_place(|| server.kill());
            for replica in &replicas {
                replica.until(false).await;
                passing += replica.passing(path, 5).await;
            }
            block_in_place(|| server.restart());
            for replica in &replicas {
                replica.until(true).await;
                passing += replica.passing(path, 5).await;
            }
        }
        assert_eq!(passing, 70, "{path}");
        for replica in &replicas {
            passing += replica.passing(path, LIMIT).await;
        }
        // A call without an answer may have been charged, and one or two units are refilled meanwhile.
        assert!(
            (LIMIT - 4..=LIMIT + 2).contains(&passing),
            "{path}: {passing}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_grants_nothing_again() {
    for path in PATHS {
        let server = RedisProc::start();
        let [replica] = replicas::<1>(&server).await;
        let mut passing = replica.passing(path, 60).await;
        for losses in 1..=3 {
            server.flushall();
            let noticed = || replica.counters.losses() == losses;
            eventually(PATIENCE, "the loss", noticed).await;
            passing += replica.passing(path, 10).await;
        }
        passing += replica.passing(path, 30).await;
        assert!((LIMIT..=LIMIT + 1).contains(&passing), "{path}: {passing}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_below_the_known_usage_of_a_window_is_not_trusted() {
    for path in ["/fixed", "/calendar"] {
        let server = RedisProc::start();
        let [replica] = replicas::<1>(&server).await;
        assert_eq!(replica.passing(path, LIMIT).await, LIMIT);
        let last = Instant::now();
        let over = || last.elapsed() > Duration::from_millis(150);
        eventually(PATIENCE, "answers that do not overlap", over).await;
        server.flushall();
        assert_eq!(replica.passing(path, 40).await, 0, "{path}");
    }
}

/// Checks the resetting process and another one, before and after Redis loses its counters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resets_by_an_operator_survive_an_outage() {
    let server = RedisProc::start();
    let replicas = replicas::<2>(&server).await;
    let [one, other] = &replicas;
    for losses in 0..2 {
        for replica in &replicas {
            let noticed = || replica.counters.losses() == losses;
            eventually(PATIENCE, "the loss", noticed).await;
        }
        assert_eq!(one.passing("/keys/a", 60).await, 60);
        // Without a refusal, which is cached for a second.
        assert_eq!(other.passing("/keys/a", 40).await, 40);
        let operator = one.waygate.system();
        let key = "GET:/keys/{id}#default".parse().unwrap();
        operator.reset_rate_limit_key(key, &["a"]).await.unwrap();
        assert_eq!(other.passing("/keys/a", 60).await, 60);
        assert_eq!(one.passing("/keys/a", 40).await, 40);
        assert_eq!(one.passing("/fixed", LIMIT + 1).await, LIMIT);
        let scope = "GET:/fixed#default"
            .parse::<waygate::limits::LimitKey>()
            .unwrap();
        operator.reset_rate_limits(scope.scope).await.unwrap();
        assert_eq!(one.passing("/fixed", LIMIT + 1).await, LIMIT);
        // For the next round; both send requests, so that both know the key.
        let key = "GET:/keys/{id}#default".parse().unwrap();
        operator.reset_rate_limit_key(key, &["a"]).await.unwrap();
        assert_eq!(other.passing("/keys/a", 1).await, 1);
        let key = "GET:/keys/{id}#default".parse().unwrap();
        operator.reset_rate_limit_key(key, &["a"]).await.unwrap();
        let scope = "GET:/fixed#default"
            .parse::<waygate::limits::LimitKey>()
            .unwrap();
        operator.reset_rate_limits(scope.scope).await.unwrap();
        server.flushall();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_used_up_until_its_reset_and_no_longer() {
    let server = RedisProc::start();
    let [replica] = replicas::<1>(&server).await;
    let start = Instant::now();
    assert_eq!(replica.passing("/short", 5).await, 5);
    freeze(&server, std::slice::from_ref(&replica)).await;
    let mut waited = Duration::ZERO;
    while !replica.passes("/short").await {
        waited = start.elapsed();
        assert!(waited < PATIENCE, "nothing passes after the reset");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.cont();
    let passed = start.elapsed();
    assert!(passed >= Duration::from_millis(2_900), "{passed:?}");
    // The window started with the first request, not with the outage.
    assert!(waited < Duration::from_millis(3_500), "{waited:?}");
}

/// Permits must be free before they expire after ten seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permits_of_streams_that_end_during_a_freeze_are_free_when_it_ends() {
    let server = RedisProc::start();
    let replicas = replicas::<2>(&server).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(replicas[0].open_stream().await);
    }
    assert!(!replicas[1].passes("/stream").await);
    freeze(&server, &replicas).await;
    for stream in streams {
        stream.abort();
        assert!(stream.await.unwrap_err().is_cancelled());
    }
    thaw(&server, &replicas).await;
    let start = Instant::now();
    let taken = || server.command(&["EVAL", TAKEN, "0"]);
    eventually(PATIENCE, "free places", || taken() == "0").await;
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(replicas[1].open_stream().await);
    }
    assert!(!replicas[1].passes("/stream").await);
}

/// The number of counters.
const COUNTERS: &str = "return #redis.call('KEYS', 'waygate:c:{*')";

/// The number of permits in use.
const TAKEN: &str = "local taken = 0 for _, name in ipairs(redis.call('KEYS', 'waygate:o:*')) do \
    taken = taken + redis.call('ZCARD', name) end return taken";
