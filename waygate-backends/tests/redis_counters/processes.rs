use std::{
    env,
    process::{Command, Stdio},
};

use waygate_core::{
    limit::{Quota, Rule, quota::SECOND},
    port::CounterStore,
};
use waygate_faultproxy::RedisProc;

use crate::support::{ask, now, open, series, take};

const PORT: &str = "WAYGATE_TEST_REDIS_PORT";
const REQUESTS: usize = 2_000;
const LIMIT: u64 = 1_000;

/// Rules that do not let anything more pass while the test runs.
fn rules() -> [Rule; 4] {
    let start = now() - now() % (1_000_000 * SECOND);
    [
        Rule::Quota(Quota::FixedWindow {
            capacity: LIMIT,
            period: 86_400 * SECOND,
        }),
        Rule::Quota(Quota::Calendar {
            capacity: LIMIT,
            start,
            end: start + 2_000_000 * SECOND,
        }),
        Rule::Quota(Quota::TokenBucket {
            capacity: LIMIT,
            emission: 86_400 * SECOND,
        }),
        Rule::Moving {
            capacity: LIMIT,
            period: 86_400 * SECOND,
        },
    ]
}

/// One of the processes that share a Redis. Says how much it was admitted by each rule.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a child of the test below"]
async fn child() {
    let port = env::var(PORT)
        .expect("started by the test below")
        .parse()
        .unwrap();
    let counters = open(port).await;
    for (index, rule) in rules().iter().enumerate() {
        let series = series(&format!("shared {index}"));
        let tasks = (0..8).map(|_| {
            let (counters, series) = (counters.clone(), series.clone());
            let rule = rules().into_iter().nth(index).unwrap();
            tokio::spawn(async move {
                let mut admitted = 0;
                for _ in 0..REQUESTS / 8 {
                    // One that gets no answer may have been charged, but was not admitted.
                    let answer = ask(&counters, take(&series, &rule)).await;
                    admitted += u64::from(answer.is_ok_and(|outcome| outcome.allowed));
                }
                admitted
            })
        });
        let mut admitted = 0;
        for task in tasks.collect::<Vec<_>>() {
            admitted += task.await.unwrap();
        }
        println!("\nadmitted {index} {admitted}");
        assert!(rule.capacity() == LIMIT && counters.replicas() >= 1);
    }
}

#[test]
fn three_processes_admit_exactly_the_limit() {
    let server = RedisProc::start();
    let children = (0..3).map(|_| {
        Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "processes::child"])
            .env(PORT, server.port().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let mut admitted = [0; 4];
    for child in children.collect::<Vec<_>>() {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("admitted "));
        for line in lines {
            let (index, count) = line.split_once(' ').unwrap();
            admitted[index.parse::<usize>().unwrap()] += count.parse::<u64>().unwrap();
        }
    }
    println!("three processes admitted {admitted:?} of {LIMIT}");
    // No more than the limit, ever. Less only by requests whose answer was late.
    assert!(admitted.iter().all(|count| *count <= LIMIT), "{admitted:?}");
    assert!(
        admitted.iter().all(|count| *count >= LIMIT - LIMIT / 20),
        "{admitted:?}"
    );
}
