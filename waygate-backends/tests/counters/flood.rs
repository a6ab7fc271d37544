//! More keys than entries.

use waygate_backends::MemoryCounters;
use waygate_core::{
    limit::quota::SECOND,
    port::{Charge, CounterKey},
};

use super::kit::*;

const CAP: usize = 8_000;

fn small() -> MemoryCounters {
    MemoryCounters::builder().max_entries(CAP).build()
}

#[test]
fn a_refused_key_survives_a_flood() {
    for rule in rules(5) {
        let (counters, counter_key) = (small(), counter_key());
        while hit(&counters, &counter_key, b"client", &rule, START).allowed {}
        for key in 0..4 * CAP {
            hit(&counters, &counter_key, &key.to_be_bytes(), &rule, START);
            if key % 1_000 == 0 {
                let outcome = hit(&counters, &counter_key, b"client", &rule, START);
                assert!(!outcome.allowed, "after {key} keys: {rule:?}");
            }
        }
        assert!(counters.len() <= CAP + 100, "{}", counters.len());
    }
}

/// Even a client that was never refused keeps its usage: it has used up part of its limit.
#[test]
fn eviction_resets_no_counter() {
    for rule in rules(100) {
        let (counters, counter_key) = (small(), counter_key());
        let mut admitted = 0;
        for round in 0..4 {
            for _ in 0..40 {
                admitted +=
                    u64::from(hit(&counters, &counter_key, b"client", &rule, START).allowed);
            }
            for key in 0..2 * CAP {
                let key = (round * CAP * 2 + key).to_be_bytes();
                hit(&counters, &counter_key, &key, &rule, START);
            }
        }
        // If it was evicted, another key inherited its usage.
        assert!(admitted <= 100, "{admitted}: {rule:?}");
    }
}

/// The flood itself gets no more than what all its keys may consume at a time.
#[test]
fn a_flood_evicts_only_its_own_counter_key() {
    let rule = &rules(3)[0];
    let (counters, flooded) = (small(), counter_key());
    let quiet = waygate_core::port::CounterKey::new("GET:/quiet", "per client", 0, 0);
    for key in 0..2 * CAP {
        hit(&counters, &flooded, &key.to_be_bytes(), rule, START);
    }
    for client in 0..50u8 {
        for left in [2, 1, 0] {
            let outcome = hit(&counters, &quiet, &[client], rule, START);
            assert!(outcome.allowed, "client {client}");
            assert_eq!(outcome.remaining, left, "client {client}");
        }
        assert!(!hit(&counters, &quiet, &[client], rule, START).allowed);
    }
    for key in 0..2 * CAP {
        hit(
            &counters,
            &flooded,
            &(key + 9 * CAP).to_be_bytes(),
            rule,
            START,
        );
    }
    for client in 0..50u8 {
        assert!(!hit(&counters, &quiet, &[client], rule, START).allowed);
    }
}

/// If all keys in the table were refused, new ones share a counter.
#[test]
fn new_keys_share_a_counter_without_evictable_keys() {
    for rule in rules(2) {
        // One shard, so one shared counter.
        let counters = MemoryCounters::builder().max_entries(50).build();
        let counter_key = counter_key();
        for key in 0..50u32 {
            while hit(&counters, &counter_key, &key.to_be_bytes(), &rule, START).allowed {}
        }
        let admitted = (1_000..2_000u32)
            .filter(|key| hit(&counters, &counter_key, &key.to_be_bytes(), &rule, START).allowed)
            .count();
        assert_eq!(admitted, 2, "{rule:?}");
        assert_eq!(counters.len(), 51, "{rule:?}");
    }
}

/// The usage of the shared counter refuses no key that finds room later.
#[test]
fn new_keys_have_own_counters_once_there_is_room() {
    for rule in rules(2) {
        let counters = MemoryCounters::builder().max_entries(50).build();
        let (counter_key, other) = (
            counter_key(),
            CounterKey::new("GET:/other", "per client", 0, 0),
        );
        for key in 0..50u32 {
            while hit(&counters, &counter_key, &key.to_be_bytes(), &rule, START).allowed {}
        }
        while hit(&counters, &counter_key, b"newcomer", &rule, START).allowed {}
        for key in 0..10u32 {
            counters.forget_at(&counter_key, &key.to_be_bytes());
        }
        let charge = |counter_key| Charge::new(counter_key, b"another", &rule);
        let outcomes = counters.charge_at(&[charge(&counter_key), charge(&other)], START);
        assert!(outcomes.iter().all(|outcome| outcome.allowed), "{rule:?}");
    }
}

#[test]
fn memory_is_freed_after_a_flood() {
    for rule in rules(10) {
        let (counters, counter_key) = (small(), counter_key());
        for key in 0..2 * CAP {
            hit(&counters, &counter_key, &key.to_be_bytes(), &rule, START);
        }
        let (flooded, bytes) = (counters.len(), counters.approximate_bytes());
        assert!(flooded > CAP / 2, "{flooded}");
        // The requests of one client are enough to sweep the counters of all others.
        let later = START + 3_000 * SECOND;
        let mut requests = 0;
        while counters.len() > 1 {
            hit(&counters, &counter_key, b"client", &rule, later);
            requests += 1;
            assert!(requests < 10 * CAP, "{} left: {rule:?}", counters.len());
        }
        let kept = counters.approximate_bytes();
        assert!(kept < bytes / 4, "{kept} of {bytes}: {rule:?}");
    }
}

/// After a clock that was far ahead is corrected, counters of that time do not stay.
#[test]
fn memory_is_freed_after_the_clock_was_ahead() {
    let rule = &rules(10)[0];
    let (counters, counter_key) = (small(), counter_key());
    for key in 0..CAP {
        let ahead = START + 1_000_000 * SECOND;
        hit(&counters, &counter_key, &key.to_be_bytes(), rule, ahead);
    }
    // First they are recognised as being in the future, and one window later as expired.
    for turn in 0..20 * CAP as u64 {
        hit(&counters, &counter_key, b"client", rule, START + turn);
    }
    let mut requests = 0;
    while counters.len() > 1 {
        hit(
            &counters,
            &counter_key,
            b"client",
            rule,
            START + 700 * SECOND,
        );
        requests += 1;
        assert!(requests < 10 * CAP, "{} left", counters.len());
    }
}

#[test]
fn a_million_keys_stay_within_bounds() {
    let rule = &rules(10)[0];
    let counters = MemoryCounters::builder().max_entries(100_000).build();
    let counter_key = counter_key();
    for key in 0..1_000_000u32 {
        hit(&counters, &counter_key, &key.to_be_bytes(), rule, START);
    }
    assert!(counters.len() <= 100_000, "{}", counters.len());
    let bytes = counters.approximate_bytes();
    assert!(bytes <= 16 << 20, "{bytes}");
}

#[test]
fn logs_stay_within_max_bytes() {
    let rule = &rules(1_000)[3];
    let limit = 1 << 20;
    let counters = MemoryCounters::builder().max_bytes(limit).build();
    let counter_key = counter_key();
    let mut admitted = 0;
    for turn in 0..500 {
        for key in 0..500u32 {
            let outcome = hit(
                &counters,
                &counter_key,
                &key.to_be_bytes(),
                rule,
                START + turn,
            );
            admitted += u64::from(outcome.allowed);
        }
    }
    // Coarse, but complete: no key consumed more than 1,000, and none was refused for less.
    assert_eq!(admitted, 250_000);
    let bytes = counters.approximate_bytes();
    assert!(bytes <= 2 * limit, "{bytes}");
}
