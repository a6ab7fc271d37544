use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use waygate_backends::RedisCounters;
use waygate_core::{
    limit::{Quota, Rule, quota::SECOND},
    port::CounterStore,
};
use waygate_faultproxy::{RedisProc, eventually};

use crate::support::{PATIENCE, ask, charge, counter_key, fixed, open};

const LIMIT: u64 = 2_000;

async fn three(port: u16) -> Vec<RedisCounters> {
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(open(port).await);
    }
    let known = || clients.iter().all(|client| client.replicas() == 3);
    eventually(Duration::from_secs(10), "three clients", known).await;
    clients
}

/// Waits until the process is registered; there are no leases before.
async fn has_shown_up(server: &RedisProc) {
    let known = || server.command(&["EXISTS", "waygate:c:processes"]) == "1";
    eventually(PATIENCE, "the first heartbeat", known).await;
}

/// Counts the scripts that Redis has run.
fn scripts(server: &RedisProc) -> u64 {
    let scripts = server.command(&["INFO", "commandstats"]);
    let scripts = scripts
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    scripts.unwrap().split(',').next().unwrap().parse().unwrap()
}

/// Sends requests of all clients concurrently until `enough`, and counts those that pass.
async fn admitted(
    clients: &[RedisCounters],
    name: &'static str,
    rule: fn() -> Rule,
    enough: impl Fn(u64, Duration) -> bool + Copy + Send + 'static,
) -> u64 {
    let start = Instant::now();
    let tasks = clients
        .iter()
        .flat_map(|client| [client.clone(), client.clone()])
        .map(|client| {
            tokio::spawn(async move {
                let (counter_key, rule) = (counter_key(name), rule());
                let (mut asked, mut admitted) = (0, 0);
                while !enough(asked, start.elapsed()) {
                    let lent = charge(&counter_key, &rule).lease(true);
                    let answer = ask(&client, lent).await;
                    admitted += u64::from(answer.is_ok_and(|outcome| outcome.allowed));
                    asked += 1;
                    if asked % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                admitted
            })
        });
    let mut admitted = 0;
    for task in tasks.collect::<Vec<_>>() {
        admitted += task.await.unwrap();
    }
    admitted
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_never_exceed_a_window() {
    let server = RedisProc::start();
    let clients = three(server.port()).await;
    let count = admitted(
        &clients,
        "window",
        || fixed(LIMIT, 3_600),
        |asked, _| asked >= 2_000,
    )
    .await;
    println!("leases of a window: {count} of {LIMIT}");
    assert!(count <= LIMIT, "{count}");
    // The leases of the other processes are unavailable meanwhile: 5 % at most.
    assert!(count >= LIMIT - LIMIT / 20, "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_overshoot_by_five_percent_at_most() {
    let server = RedisProc::start();
    let clients = three(server.port()).await;
    let rule = || {
        Rule::Quota(Quota::TokenBucket {
            capacity: LIMIT,
            emission: SECOND / LIMIT,
        })
    };
    let start = Instant::now();
    let count = admitted(&clients, "bucket", rule, |_, elapsed| {
        elapsed > Duration::from_secs(3)
    })
    .await;
    let exact = LIMIT + (start.elapsed().as_secs_f64() * LIMIT as f64) as u64;
    println!("leases of a bucket: {count}, exactly {exact}");
    assert!(count <= exact + LIMIT / 20, "{count} of {exact}");
    assert!(count >= LIMIT, "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_save_round_trips_and_are_refunded() {
    let server = RedisProc::start();
    let client = open(server.port()).await;
    has_shown_up(&server).await;
    let (counter_key, rule) = (counter_key("spared"), fixed(100_000, 3_600));
    let lent = charge(&counter_key, &rule).lease(true);
    let mut admitted = 0;
    for request in 0..4_000 {
        admitted += u64::from(ask(&client, lent).await.unwrap().allowed);
        if request % 16 == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(admitted, 4_000);
    let scripts = scripts(&server);
    println!("leases: {scripts} round trips for 4000 requests");
    assert!(scripts < 2_000, "{scripts}");
    let start = Instant::now();
    loop {
        let look = lent.cost(0).lease(false);
        let remaining = ask(&client, look).await.unwrap().remaining;
        if remaining == 100_000 - 4_000 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(15), "{remaining}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_refill_lost_with_its_runtime_is_repeated() {
    let server = RedisProc::start();
    let runtime = || Runtime::new().unwrap();
    let (home, guest) = (runtime(), runtime());
    let client = home.block_on(open(server.port()));
    home.block_on(has_shown_up(&server));
    let request = |client: RedisCounters| async move {
        let (counter_key, rule) = (counter_key("orphaned"), fixed(100_000, 3_600));
        let lent = charge(&counter_key, &rule).lease(true);
        ask(&client, lent).await.unwrap();
    };
    let (alive, start) = (guest.metrics(), Instant::now());
    loop {
        assert!(start.elapsed() < PATIENCE * 3, "nothing is lent");
        server.stop();
        for _ in 0..8 {
            guest.spawn(request(client.clone()));
        }
        let is_over = || alive.num_alive_tasks() > 8 || alive.num_alive_tasks() == 0;
        home.block_on(eventually(PATIENCE, "a refill", is_over));
        if alive.num_alive_tasks() > 8 {
            break;
        }
        // On a busy machine, Redis may be given up before the requests reach it.
        server.cont();
        let is_back = || client.health().is_ok();
        home.block_on(eventually(PATIENCE, "Redis again", is_back));
    }
    drop(guest);
    server.cont();
    let start = Instant::now();
    let round_trips = || {
        let before = scripts(&server);
        for _ in 0..100 {
            home.block_on(request(client.clone()));
        }
        scripts(&server) - before
    };
    while round_trips() > 50 {
        assert!(start.elapsed() < PATIENCE, "nothing is lent any more");
    }
}
