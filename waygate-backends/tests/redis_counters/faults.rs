use std::time::{Duration, Instant};

use tokio::task::{JoinSet, block_in_place};
use waygate_backends::RedisCounters;
use waygate_faultproxy::{Direction, FaultProxy, Mode, RedisProc, eventually};

use crate::support::{
    Load, PATIENCE, ask, charge, connected, counter_key, fixed, options, patient, until_counted,
};

/// Redis must be authoritative again within this time; most of it is for a busy machine.
const RECOVERY: Duration = Duration::from_secs(2);
const NOISE: Duration = Duration::from_millis(300);

/// Waits until requests fail, and have failed for some time.
async fn until_down(counters: &RedisCounters, load: &Load) {
    eventually(PATIENCE, "the fault", || counters.health().is_err()).await;
    let failed = load.failed();
    eventually(PATIENCE, "failures", || load.failed() > failed + 2_000).await;
}

async fn recovers(what: &str, counters: &RedisCounters, load: Load) {
    let back = until_counted(counters, RECOVERY + NOISE).await;
    let counted = load.counted();
    eventually(PATIENCE, "requests", || load.counted() > counted + 100).await;
    println!("{what}: counted again after {back:.0?}");
    load.finish(what).await;
}

/// A fault of the network, until it passes.
async fn network(what: &str, mode: Mode) {
    let server = RedisProc::start();
    let proxy = FaultProxy::start(server.addr()).await;
    let counters = connected(options(proxy.port())).await;
    let load = Load::start(&counters);
    eventually(PATIENCE, "requests", || load.counted() > 100).await;
    let (before, start) = (proxy.counts(), Instant::now());
    proxy.set(mode);
    until_down(&counters, &load).await;
    let (during, elapsed) = (proxy.counts(), start.elapsed());
    // The dropped connection may still be open, besides the new attempt.
    assert!(during.open <= 2, "{what}: {during:?}");
    let dials = during.accepted - before.accepted;
    // Even with the shortest average pauses, 50 ms and then 400 ms.
    let most = 5 + elapsed.as_millis() as u64 / 100;
    assert!(dials <= most, "{what}: {dials} attempts in {elapsed:?}");
    proxy.set(Mode::Pass);
    recovers(what, &counters, load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill() {
    let mut server = RedisProc::start();
    let counters = connected(options(server.port())).await;
    for _ in 0..3 {
        let load = Load::start(&counters);
        eventually(PATIENCE, "requests", || load.counted() > 100).await;
        block_in_place(|| server.kill());
        until_down(&counters, &load).await;
        block_in_place(|| server.restart());
        recovers("kill", &counters, load).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn freeze() {
    let server = RedisProc::start();
    let counters = connected(options(server.port())).await;
    for _ in 0..3 {
        let load = Load::start(&counters);
        eventually(PATIENCE, "requests", || load.counted() > 100).await;
        server.stop();
        until_down(&counters, &load).await;
        server.cont();
        recovers("freeze", &counters, load).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blackhole() {
    network("blackhole", Mode::Blackhole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hang() {
    network("hang", Mode::Hang).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset() {
    network("reset", Mode::Reset).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_slow() {
    let delay = Duration::from_millis(60);
    network(
        "60 ms",
        Mode::Delay {
            delay,
            jitter: Duration::ZERO,
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_but_in_time() {
    let server = RedisProc::start();
    let proxy = FaultProxy::start(server.addr()).await;
    let counters = connected(options(proxy.port()).deadline(Duration::from_secs(1))).await;
    let delay = Duration::from_millis(40);
    proxy.set(Mode::Delay {
        delay,
        jitter: Duration::ZERO,
    });
    let took = until_counted(&counters, Duration::ZERO).await;
    assert!(took >= delay, "{took:?}");
}

/// Changes one byte on each connection until it has an effect or the load ends.
async fn corrupt(proxy: &FaultProxy, load: &Load, direction: Direction, nth: u64) {
    let (counted, accepted) = (load.counted(), proxy.counts().accepted);
    proxy.set(Mode::Corrupt { direction, nth });
    let seen = || load.counted() > counted + 20 || proxy.counts().accepted > accepted;
    eventually(PATIENCE, "requests, or another connection", seen).await;
    proxy.set(Mode::Pass);
}

/// Any byte of an answer may change: no request hangs, and no connection with garbled answers is kept.
#[tokio::test(flavor = "multi_thread")]
async fn corrupt_answers() {
    corrupt_each("corrupt answers", Direction::ToClient, 0..40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_requests() {
    let bytes = (0..200).step_by(7);
    corrupt_each("corrupt requests", Direction::ToServer, bytes).await;
}

/// Corrupts one byte after the other, in four clients at the same time: most of the time is pauses before connections.
async fn corrupt_each(what: &'static str, direction: Direction, bytes: impl Iterator<Item = u64>) {
    let server = RedisProc::start();
    let bytes: Vec<u64> = bytes.collect();
    let mut clients = JoinSet::new();
    for bytes in bytes.chunks(bytes.len().div_ceil(4)) {
        let (addr, bytes) = (server.addr(), bytes.to_vec());
        clients.spawn(async move {
            let proxy = FaultProxy::start(addr).await;
            let counters = connected(options(proxy.port())).await;
            let load = Load::start(&counters);
            for nth in bytes {
                corrupt(&proxy, &load, direction, nth).await;
                until_counted(&counters, RECOVERY + NOISE).await;
            }
            recovers(what, &counters, load).await;
        });
    }
    clients.join_all().await;
}

/// An idle connection whose peer vanished is detected before a request needs it.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_watched() {
    let server = RedisProc::start();
    let proxy = FaultProxy::start(server.addr()).await;
    let counters = connected(options(proxy.port())).await;
    proxy.set(Mode::Blackhole);
    let limit = Duration::from_secs(2) + NOISE;
    let found = eventually(limit, "the fault", || counters.health().is_err()).await;
    println!("an idle blackhole is found after {found:.0?}");
}

/// A caller with a shorter deadline than the link detects a late call first, and opens the breaker for the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_caller_counts_as_late_unless_immediate() {
    let server = RedisProc::start();
    let proxy = FaultProxy::start(server.addr()).await;
    let counters = connected(patient(proxy.port())).await;
    until_counted(&counters, PATIENCE).await;
    proxy.set(Mode::Blackhole);
    let (counter_key, rule) = (counter_key("dropped"), fixed(5, 600));
    for (wait, is_down) in [(Duration::ZERO, false), (Duration::from_millis(45), true)] {
        let answer = tokio::time::timeout(wait, ask(&counters, charge(&counter_key, &rule))).await;
        assert!(answer.is_err(), "{answer:?}");
        assert_eq!(counters.health().is_err(), is_down, "after {wait:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flapping_leaks_nothing() {
    let mut server = RedisProc::start();
    let counters = connected(options(server.port())).await;
    until_counted(&counters, PATIENCE).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let tasks = metrics.num_alive_tasks();
    for _ in 0..20 {
        block_in_place(|| server.kill());
        eventually(PATIENCE, "the fault", || counters.health().is_err()).await;
        block_in_place(|| server.restart());
        until_counted(&counters, RECOVERY + NOISE).await;
    }
    let settled = "as few tasks as before";
    eventually(PATIENCE, settled, || metrics.num_alive_tasks() <= tasks + 2).await;
    let sockets = "no socket but the one in use";
    eventually(PATIENCE, sockets, || open_sockets(server.port()) <= 1).await;
    drop(counters);
    eventually(PATIENCE, "no task", || metrics.num_alive_tasks() == 0).await;
}

/// Counts the connected or leftover sockets of this machine to one of its ports.
fn open_sockets(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    const CLOSE_WAIT: &str = "08";
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let remote = format!(":{port:04X}");
    let sockets = table.lines().skip(1).filter(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns[2].ends_with(&remote) && [ESTABLISHED, CLOSE_WAIT].contains(&columns[3])
    });
    sockets.count()
}
