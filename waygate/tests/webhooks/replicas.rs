//! Replicas with one store in Redis.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use waygate::{
    Waygate,
    port::{RedisBackend, RedisOptions},
};
use waygate_faultproxy::RedisProc;

use crate::{
    receiver::{Answer, OK, Receiver},
    support::{hook, options, register, toggle, until},
};

const REDIS: &str = "WAYGATE_TEST_REPLICA_REDIS";
const PORT: &str = "WAYGATE_TEST_REPLICA_PORT";

async fn replica(redis: &str, port: u16) -> Waygate {
    let receiver = Receiver::at(port);
    let backend = RedisBackend::open(RedisOptions::new(redis).unwrap());
    let builder = Waygate::builder()
        .backend(backend)
        .webhook_options(options(&[&receiver]))
        .webhook(hook("ops", &receiver));
    let waygate = builder.build().await.unwrap();
    register(&waygate).await;
    waygate
}

/// Not a test: a replica in a process of its own, until it is killed.
#[tokio::test]
async fn process() {
    let (Ok(redis), Ok(port)) = (std::env::var(REDIS), std::env::var(PORT)) else {
        return;
    };
    let waygate = replica(&redis, port.parse().unwrap()).await;
    std::fs::write(std::env::var("WAYGATE_TEST_REPLICA_READY").unwrap(), "").unwrap();
    std::future::pending::<()>().await;
    drop(waygate);
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start_process(redis: &str, port: u16) -> Killed {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "replicas::process", "--nocapture"])
        .env(REDIS, redis)
        .env(PORT, port.to_string())
        .env("WAYGATE_TEST_REPLICA_READY", &ready)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until(async || ready.exists()).await;
    Killed(child)
}

/// The process that delivers now.
fn lease(server: &RedisProc) -> Option<String> {
    let stored = server.command(&["HGET", "waygate:{state}:entities", "webhook_cursor/ops"]);
    let (_, holder) = stored.split_once("\"holder\":\"")?;
    Some(holder[..36].to_owned())
}

/// Each event and how often it came.
fn counted(receiver: &Receiver) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for got in receiver.got() {
        let revision = got.json()["data"]["revision"].as_u64().unwrap();
        *counts.entry(revision).or_default() += 1;
    }
    counts
}

/// The revisions of each route, in the order in which they came first.
fn assert_in_order(receiver: &Receiver) {
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for got in receiver.got() {
        let revision = got.json()["data"]["revision"].as_u64().unwrap();
        if seen.insert(revision) {
            let before = last.insert(got.subject(), revision).unwrap_or_default();
            assert!(
                before < revision,
                "{}: {before} before {revision}",
                got.subject()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_deliver_each_event_once_and_in_order() {
    let (server, receiver) = (RedisProc::start(), Receiver::start([OK]).await);
    let one = replica(&server.url(), receiver.port).await;
    let other = replica(&server.url(), receiver.port).await;
    for nth in 0..50 {
        let writer = if nth % 2 == 0 { &one } else { &other };
        toggle(writer, nth).await;
    }
    receiver.wait_for(100).await;
    let counts = counted(&receiver);
    assert_eq!(counts.len(), 100);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert_in_order(&receiver);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_killed_in_the_middle_loses_no_event() {
    let server = RedisProc::start();
    let receiver = Receiver::start([Answer::Late(Duration::from_millis(300))]).await;
    let survivor = replica(&server.url(), receiver.port).await;
    survivor.system().disable("GET:/0", "r").await.unwrap();
    until(async || lease(&server).is_some()).await;
    let own = lease(&server);
    // Slow enough that the process is killed while it delivers.
    receiver.answer([Answer::Late(Duration::from_millis(4))]);
    let victim = start_process(&server.url(), receiver.port).await;
    let mut victim = Some(victim);
    let since = Instant::now();
    let mut events = 1;
    for nth in 0.. {
        let is_enough = nth >= 250 && victim.is_none();
        if is_enough || since.elapsed() > Duration::from_secs(90) {
            break;
        }
        events += 2;
        toggle(&survivor, nth).await;
        let holder = lease(&server);
        let is_delivering = holder.is_some() && holder != own;
        if receiver.got().len() > 100 && is_delivering {
            drop(victim.take());
        }
    }
    assert!(victim.is_none(), "the other replica never delivered");
    let since = Instant::now();
    until(async || counted(&receiver).len() == events).await;
    println!("all came {:?} after the last change", since.elapsed());
    let twice = counted(&receiver)
        .values()
        .filter(|count| **count > 1)
        .count();
    println!("{twice} of {events} events came twice");
    assert!(twice <= 64, "{twice}");
    assert_in_order(&receiver);
    until(async || survivor.webhook("ops").await.unwrap().retries == 0).await;
}
