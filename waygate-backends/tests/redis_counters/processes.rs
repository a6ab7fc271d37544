use std::{
    env,
    process::{Command, Stdio},
    time::Instant,
};

use waygate_core::{
    limit::{Quota, Rule, quota::SECOND},
    port::{Charge, CounterStore},
};
use waygate_faultproxy::RedisProc;

use crate::support::{ask, counter_key, now, open};

const PORT: &str = "WAYGATE_TEST_REDIS_PORT";
const PROCESSES: u64 = 3;
/// Requests of each process for each key, each from another task.
const TASKS: u64 = 10;
/// Two of three requests fit. After its first refusal a process need not ask Redis for some time.
const LIMIT: u32 = 20;
const RULES: usize = 5;

/// 100 thousand decisions, or a million.
fn keys() -> u32 {
    let full = env::var("WAYGATE_TEST_FULL").is_ok_and(|value| value == "1");
    if full { 6_667 } else { 667 }
}

/// Rules that refill nothing while the test runs.
fn rules() -> [Rule; RULES] {
    let (capacity, period) = (u64::from(LIMIT), 86_400 * SECOND);
    let start = now() - now() % (1_000_000 * SECOND);
    [
        Rule::Quota(Quota::FixedWindow { capacity, period }),
        Rule::Quota(Quota::SlidingWindow {
            capacity: LIMIT,
            period: 1_000_000,
        }),
        Rule::Quota(Quota::Calendar {
            capacity,
            start,
            end: start + 2_000_000 * SECOND,
        }),
        Rule::Quota(Quota::TokenBucket {
            capacity,
            emission: period,
        }),
        Rule::Moving { capacity, period },
    ]
}

/// One of the processes that share a Redis. Prints what each rule admitted for each key.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a child of the test below"]
async fn child() {
    let port = env::var(PORT)
        .expect("started by the test below")
        .parse()
        .unwrap();
    let counters = open(port).await;
    for index in 0..RULES {
        let tasks = (0..TASKS).map(|_| {
            let (counters, counter_key) =
                (counters.clone(), counter_key(&format!("shared {index}")));
            tokio::spawn(async move {
                let rule = &rules()[index];
                let mut admitted = Vec::new();
                for key in 0..keys() {
                    let key = key.to_be_bytes();
                    let charge = Charge::new(&counter_key, &key, rule);
                    // Without an answer it may have been charged, but was not admitted.
                    let answer = ask(&counters, charge).await;
                    admitted.push(u64::from(answer.is_ok_and(|outcome| outcome.allowed)));
                }
                admitted
            })
        });
        let mut admitted = vec![0; keys() as usize];
        for task in tasks.collect::<Vec<_>>() {
            add(&mut admitted, task.await.unwrap());
        }
        let admitted: Vec<String> = admitted.iter().map(u64::to_string).collect();
        println!("\nadmitted {index} {}", admitted.join(","));
        assert!(counters.replicas() >= 1);
    }
}

fn add(sum: &mut [u64], counts: impl IntoIterator<Item = u64>) {
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum += count;
    }
}

#[test]
fn three_processes_admit_exactly_the_limit() {
    let (server, begin) = (RedisProc::start(), Instant::now());
    let children = (0..PROCESSES).map(|_| {
        Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "processes::child"])
            .env(PORT, server.port().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let mut admitted = vec![vec![0; keys() as usize]; RULES];
    for child in children.collect::<Vec<_>>() {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("admitted "));
        for line in lines {
            let (index, counts) = line.split_once(' ').unwrap();
            let counts = counts.split(',').map(|count| count.parse().unwrap());
            add(&mut admitted[index.parse::<usize>().unwrap()], counts);
        }
    }
    let limit = u64::from(LIMIT);
    let decisions = PROCESSES * TASKS * RULES as u64 * u64::from(keys());
    let over: usize = admitted
        .iter()
        .flatten()
        .filter(|count| **count > limit)
        .count();
    let totals: Vec<u64> = admitted.iter().map(|counts| counts.iter().sum()).collect();
    println!(
        "{PROCESSES} processes, {decisions} decisions in {:.1?}: {totals:?} of {} admitted, {over} counters above their limit",
        begin.elapsed(),
        limit * u64::from(keys())
    );
    // Never more than the limit. Less only because of requests whose answer was late.
    assert_eq!(over, 0);
    let least = limit * u64::from(keys()) * 19 / 20;
    assert!(totals.iter().all(|total| *total >= least), "{totals:?}");
}
