use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use waygate_backends::MemoryCounters;

use super::kit::*;

const THREADS: u64 = 8;
const DECISIONS: u64 = 125_000;

/// A million decisions about ten keys: each gets exactly its limit, whatever the algorithm.
#[test]
fn concurrent_requests_never_exceed_the_limit() {
    const LIMIT: u32 = 1_000;
    const KEYS: usize = 10;
    for rule in rules(LIMIT) {
        let counters = MemoryCounters::new();
        let counter_key = counter_key();
        let admitted: [AtomicU64; KEYS] = Default::default();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (counters, counter_key, admitted, rule) =
                    (&counters, &counter_key, &admitted, &rule);
                scope.spawn(move || {
                    for turn in 0..DECISIONS {
                        let key = (turn + thread) as usize % KEYS;
                        let outcome = hit(counters, counter_key, &[key as u8], rule, START + turn);
                        admitted[key].fetch_add(outcome.allowed.into(), Ordering::Relaxed);
                    }
                });
            }
        });
        for admitted in &admitted {
            assert_eq!(
                admitted.load(Ordering::Relaxed),
                u64::from(LIMIT),
                "{rule:?}"
            );
        }
    }
}

/// Calls over several counters in any order neither deadlock nor charge in part.
#[test]
fn several_counters_are_charged_together() {
    let (wide, narrow) = (&rules(10_000)[0], &rules(7_000)[2]);
    let counters = MemoryCounters::new();
    let counter_key = counter_key();
    let admitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (counters, counter_key, admitted) = (&counters, &counter_key, &admitted);
            scope.spawn(move || {
                for _ in 0..5_000 {
                    let mut charges = [
                        ask(counter_key, b"a", wide),
                        ask(counter_key, b"b", narrow),
                        ask(counter_key, b"c", wide),
                    ];
                    charges.rotate_left(thread as usize % 3);
                    let outcomes = counters.charge_at(&charges, START);
                    let all = outcomes.iter().all(|outcome| outcome.allowed);
                    admitted.fetch_add(all.into(), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 7_000);
    for key in [b"a", b"c"] {
        assert_eq!(
            hit(&counters, &counter_key, key, wide, START).remaining,
            2_999
        );
    }
}
