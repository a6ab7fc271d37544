//! Permits that several processes share, in a store that fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::Semaphore,
};
use waygate::{
    Waygate,
    health::Component,
    port::{BoxFuture, Charge, CounterError, CounterStore, MemoryCounters, Permit, PermitOutcome},
    testing::{ManualClock, TestApp},
};
use waygate_core::limit::{Outcome, quota::Nanos};

use super::{BUSY, Door, SWITCH, assert_full, guarded, in_use, inside, key, set};
use crate::support::{builder, clock};

/// A process's connection to the store, which can be cut.
#[derive(Debug, Clone)]
struct Link {
    store: MemoryCounters,
    mode: Arc<AtomicU8>,
    /// One permit for each call that has started, and for each that has arrived.
    asked: Arc<Semaphore>,
    occupied: Arc<Semaphore>,
    vacated: Arc<Semaphore>,
    /// Delays calls in mode `SLOW`.
    slow: Arc<Semaphore>,
}

const FINE: u8 = 0;
const DOWN: u8 = 1;
const HUNG: u8 = 2;
const SLOW: u8 = 3;

impl Link {
    fn to(store: &MemoryCounters) -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self {
            store: store.clone(),
            mode: Arc::new(AtomicU8::new(FINE)),
            asked: none(),
            occupied: none(),
            vacated: none(),
            slow: none(),
        }
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    async fn reach(&self) -> Result<(), CounterError> {
        match self.mode.load(Ordering::SeqCst) {
            DOWN => Err(CounterError::Unavailable("connection refused".to_owned())),
            HUNG => std::future::pending().await,
            SLOW => {
                self.slow.acquire().await.unwrap().forget();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Waits until a semaphore has one more permit, for a minute of paused time at most.
async fn one_more(semaphore: &Semaphore) {
    let wait = tokio::time::timeout(Duration::from_secs(60), semaphore.acquire());
    wait.await.expect("one more").unwrap().forget();
}

impl CounterStore for Link {
    fn charge<'a>(
        &'a self,
        charges: &'a [Charge<'a>],
        now: Nanos,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, CounterError>> {
        self.store.charge(charges, now)
    }

    fn adjust<'a>(
        &'a self,
        charge: Charge<'a>,
        units: i64,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        self.store.adjust(charge, units, now)
    }

    fn reset<'a>(
        &'a self,
        charge: Charge<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        self.store.reset(charge, now)
    }

    fn acquire<'a>(
        &'a self,
        permit: Permit<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<PermitOutcome, CounterError>> {
        Box::pin(async move {
            self.asked.add_permits(1);
            self.reach().await?;
            let outcome = self.store.acquire(permit, now).await;
            self.occupied.add_permits(1);
            outcome
        })
    }

    fn release<'a>(&'a self, permit: Permit<'a>) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            if self.mode.load(Ordering::SeqCst) == DOWN {
                self.reach().await?;
            }
            self.store.release(permit).await?;
            self.vacated.add_permits(1);
            Ok(())
        })
    }

    fn replicas(&self) -> u32 {
        2
    }
}

/// A process that shares the store.
struct Process {
    waygate: Waygate,
    router: Router,
    app: TestApp,
    door: Door,
    link: Link,
}

impl Process {
    async fn of(store: &MemoryCounters, clock: &ManualClock, limit: u32) -> Self {
        let link = Link::to(store);
        let builder = builder().clock(clock.clone()).counters(link.clone());
        // Paused time advances only when every task is idle.
        let builder = builder.counter_deadline(Duration::from_secs(1));
        let waygate = builder.build().await.unwrap();
        let door = Door::new();
        let router = guarded(&waygate, &door).await;
        let app = TestApp::new(router.clone());
        for at in [BUSY, SWITCH] {
            set(&waygate, at, json!({"limit": limit})).await;
        }
        Self {
            waygate,
            router,
            app,
            door,
            link,
        }
    }
}

async fn two(limit: u32) -> (Process, Process, ManualClock) {
    let (store, clock) = (MemoryCounters::new(), clock());
    let one = Process::of(&store, &clock, limit).await;
    let other = Process::of(&store, &clock, limit).await;
    (one, other, clock)
}

#[tokio::test(start_paused = true)]
async fn processes_share_permits() {
    let (one, other, _) = two(1).await;
    let request = inside(&one.app, "/busy", &one.door).await;
    assert_full(&other.app.get("/busy").await);
    assert_eq!(in_use(&other.waygate, BUSY), 0);
    one.door.let_go(1);
    assert_eq!(request.await.unwrap().status(), 200);
    one_more(&one.link.vacated).await;
    let request = inside(&other.app, "/busy", &other.door).await;
    assert_full(&one.app.get("/busy").await);
    other.door.let_go(1);
    assert_eq!(request.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_renewed_for_as_long_as_it_is_held() {
    let (one, other, clock) = two(1).await;
    let request = inside(&one.app, "/busy", &one.door).await;
    one_more(&one.link.occupied).await;
    for _ in 0..10 {
        clock.advance(Duration::from_secs(3));
        one_more(&one.link.occupied).await;
    }
    assert_full(&other.app.get("/busy").await);
    one.door.let_go(1);
    request.await.unwrap();
}

/// The client's side of an upgraded connection.
async fn switched(process: &Process) -> DuplexStream {
    let (mut client, server) = tokio::io::duplex(4096);
    let service = TowerToHyperService::new(process.router.clone());
    let http = hyper::server::conn::http1::Builder::new();
    let connection = http.serve_connection(TokioIo::new(server), service);
    tokio::spawn(connection.with_upgrades());
    let head = b"GET /switch HTTP/1.1\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\n";
    client.write_all(head).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(client.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    process.door.entered().await;
    client
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_renewed_for_as_long_as_an_upgraded_connection_lives() {
    let (one, other, clock) = two(1).await;
    let mut client = switched(&one).await;
    one_more(&one.link.occupied).await;
    for _ in 0..10 {
        clock.advance(Duration::from_secs(3));
        one_more(&one.link.occupied).await;
    }
    assert_full(&other.app.get("/switch").await);
    one.door.let_go(1);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    one_more(&one.link.vacated).await;
    drop(switched(&other).await);
}

#[tokio::test(start_paused = true)]
async fn permits_of_a_dead_process_expire() {
    let (one, other, clock) = two(1).await;
    let request = inside(&one.app, "/busy", &one.door).await;
    one.link.set(DOWN);
    clock.advance(Duration::from_millis(9_999));
    assert_full(&other.app.get("/busy").await);
    clock.advance(Duration::from_millis(1));
    let next = inside(&other.app, "/busy", &other.door).await;
    for (process, request) in [(&one, request), (&other, next)] {
        process.door.let_go(1);
        assert_eq!(request.await.unwrap().status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_store_each_process_grants_its_share() {
    for mode in [DOWN, HUNG] {
        let (one, _other, clock) = two(4).await;
        let mut requests = vec![inside(&one.app, "/busy", &one.door).await];
        one.link.set(mode);
        // The request admitted earlier counts.
        requests.push(inside(&one.app, "/busy", &one.door).await);
        assert_full(&one.app.get("/busy").await);
        assert_eq!(in_use(&one.waygate, BUSY), 2);
        assert!(one.waygate.health().contains_key(&Component::Counters));

        one.link.set(FINE);
        requests.push(inside(&one.app, "/busy", &one.door).await);
        assert!(
            !one.waygate.health().is_empty(),
            "one answer does not prove recovery"
        );
        clock.advance(Duration::from_secs(1));
        requests.push(inside(&one.app, "/busy", &one.door).await);
        assert!(one.waygate.health().is_empty());
        one.door.let_go(4);
        for request in requests {
            assert_eq!(request.await.unwrap().status(), 200);
        }
        assert_eq!(in_use(&one.waygate, BUSY), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_is_at_least_one_permit() {
    let (one, _other, _) = two(1).await;
    one.link.set(DOWN);
    let request = inside(&one.app, "/busy", &one.door).await;
    assert_full(&one.app.get("/busy").await);
    one.door.let_go(1);
    assert_eq!(request.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn permits_granted_without_the_store_count_when_it_is_back() {
    let (one, other, _) = two(1).await;
    one.link.set(DOWN);
    let request = inside(&one.app, "/busy", &one.door).await;
    one.link.set(FINE);
    one_more(&one.link.occupied).await;
    assert_full(&other.app.get("/busy").await);
    one.door.let_go(1);
    request.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_cancelled_while_acquiring_leaves_no_permit_behind() {
    let (one, _other, _) = two(1).await;
    one.link.set(SLOW);
    let app = one.app.clone();
    let request = tokio::spawn(async move { app.get("/busy").await });
    one_more(&one.link.asked).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    // Whether or not the request has reached the store.
    one_more(&one.link.vacated).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_renewal_is_undone() {
    let (one, other, _) = two(1).await;
    let request = inside(&one.app, "/busy", &one.door).await;
    one_more(&one.link.asked).await;
    one.link.set(SLOW);
    one_more(&one.link.asked).await;
    one.door.let_go(1);
    request.await.unwrap();
    one_more(&one.link.vacated).await;
    one.link.slow.add_permits(1);
    one_more(&one.link.vacated).await;
    other.door.let_go(1);
    assert_eq!(other.app.get("/busy").await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn permits_granted_by_a_late_answer_are_released() {
    let (one, _other, _) = two(2).await;
    let request = inside(&one.app, "/busy", &one.door).await;
    one.link.set(HUNG);
    assert_full(&one.app.get("/busy").await);
    // The admitted request still holds its permit, so this is the other one's.
    one_more(&one.link.vacated).await;
    let record = one.waygate.concurrency_limit(&key(BUSY)).unwrap();
    assert_eq!((record.in_use, record.refused), (1, 1));
    one.door.let_go(1);
    assert_eq!(request.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn recovery_of_the_store_is_noticed_without_a_request() {
    let (one, _other, clock) = two(4).await;
    one.link.set(DOWN);
    let request = inside(&one.app, "/busy", &one.door).await;
    assert!(one.waygate.health().contains_key(&Component::Counters));
    one.link.set(FINE);
    clock.advance(Duration::from_secs(1));
    let well = async {
        while !one.waygate.health().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), well)
        .await
        .expect("the store is found to be back");
    one.door.let_go(1);
    assert_eq!(request.await.unwrap().status(), 200);
}
