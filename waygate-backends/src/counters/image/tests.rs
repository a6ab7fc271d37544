use std::time::Instant;

use proptest::prelude::*;
use waygate_core::{
    limit::{Outcome, Quota, Rule, quota::SECOND},
    port::{Charge, CounterKey},
};

use super::*;
use crate::MemoryCountersBuilder;

const START: Nanos = 1_800_000_000 * SECOND;
const HOUR: Nanos = 3_600 * SECOND;

fn rules(capacity: u32) -> [Rule; 5] {
    let wide = u64::from(capacity);
    [
        Rule::Quota(Quota::FixedWindow {
            capacity: wide,
            period: HOUR,
        }),
        Rule::Quota(Quota::SlidingWindow {
            capacity,
            period: 3_600,
        }),
        Rule::Quota(Quota::TokenBucket {
            capacity: wide,
            emission: HOUR,
        }),
        Rule::Quota(Quota::Calendar {
            capacity: wide,
            start: START - HOUR,
            end: START + HOUR,
        }),
        Rule::Moving {
            capacity: wide,
            period: HOUR,
        },
    ]
}

fn counter_key(generation: u64) -> CounterKey {
    CounterKey::new("GET:/a", "per client", 0, generation)
}

fn hit(
    counters: &MemoryCounters,
    counter_key: &CounterKey,
    key: &str,
    rule: &Rule,
    now: Nanos,
) -> Outcome {
    let charge = Charge::new(counter_key, key.as_bytes(), rule);
    counters.charge_one_at(&charge, now)
}

fn image(counters: &MemoryCounters, now: Nanos) -> Vec<u8> {
    let mut bytes = Vec::new();
    counters.write_image(&mut bytes, now, MAX_BYTES).unwrap();
    bytes
}

fn restored(bytes: &[u8], now: Nanos, builder: MemoryCountersBuilder) -> MemoryCounters {
    let counters = builder.build();
    counters.read_image(bytes, now).unwrap();
    counters
}

proptest! {
    /// A restored store answers like one that kept running.
    #[test]
    fn every_algorithm_continues_exactly(
        before in proptest::collection::vec((0..6_u8, 0..5_usize, 0..2_u64, 0..1_800_u64), 1..80),
        after in proptest::collection::vec((0..6_u8, 0..5_usize, 0..2_u64, 0..7_200_u64), 1..40),
        pause in 0..5_000_u64,
        other_size in any::<bool>(),
    ) {
        let (rules, counter_key) = (rules(3), [0, 1].map(counter_key));
        let going = MemoryCounters::new();
        let mut clock = START;
        let play = |counters: &MemoryCounters, (key, rule, generation, _): &(u8, usize, u64, u64), now| {
            // A key for each rule, so that no counter is converted.
            let key = format!("{rule}/{key}");
            hit(counters, &counter_key[*generation as usize], &key, &rules[*rule], now)
        };
        for step in &before {
            clock += step.3 * SECOND / 10;
            play(&going, step, clock);
        }
        let bytes = image(&going, clock);
        clock += pause * SECOND;
        let builder = match other_size {
            true => MemoryCounters::builder().max_entries(5_000),
            false => MemoryCounters::builder(),
        };
        let back = restored(&bytes, clock, builder);
        for step in &after {
            clock += step.3 * SECOND / 10;
            prop_assert_eq!(play(&back, step, clock), play(&going, step, clock));
        }
    }

    #[test]
    fn damage_is_detected_and_nothing_is_restored(at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<bool>()) {
        let going = MemoryCounters::new();
        for rule in &rules(3) {
            hit(&going, &counter_key(0), "a", rule, START);
        }
        let mut bytes = image(&going, START);
        let at = at.index(bytes.len());
        match cut {
            true => bytes.truncate(at),
            false => bytes[at] ^= 1 << bit,
        }
        let counters = MemoryCounters::new();
        prop_assert!(counters.read_image(&bytes, START).is_err());
        prop_assert!(counters.is_empty());
    }
}

#[test]
fn restored_counters_survive_a_clock_set_back() {
    for rule in &rules(1) {
        let going = MemoryCounters::new();
        assert!(hit(&going, &counter_key(0), "a", rule, START).allowed);
        let bytes = image(&going, START);
        for back in [1, 30 * 60, 24 * 3_600, 400 * 24 * 3_600] {
            let now = START - back * SECOND;
            let counters = restored(&bytes, now, MemoryCounters::builder());
            // Requests of other keys sweep the expired counters.
            for other in 0..2_000 {
                hit(
                    &counters,
                    &counter_key(0),
                    &other.to_string(),
                    rule,
                    now + 3 * SECOND,
                );
            }
            let answer = hit(&counters, &counter_key(0), "a", rule, now + 3 * SECOND);
            assert!(!answer.allowed, "{rule:?}, {back} s back");
        }
    }
}

#[test]
fn expired_counters_are_not_restored() {
    let going = MemoryCounters::new();
    for rule in &rules(1) {
        let key = format!("{rule:?}");
        hit(&going, &counter_key(0), &key, rule, START);
    }
    let bytes = image(&going, START);
    let counters = MemoryCounters::new();
    let found = counters.read_image(&bytes, START + 3 * HOUR).unwrap();
    assert_eq!((found.counters, found.expired), (0, 5));
    assert!(counters.is_empty());
}

#[test]
fn shared_counters_are_restored() {
    let [rule, ..] = rules(1);
    let small = || MemoryCounters::builder().max_entries(2);
    let going = small().build();
    for key in ["a", "a", "b", "b", "c"] {
        hit(&going, &counter_key(0), key, &rule, START);
    }
    assert!(!hit(&going, &counter_key(0), "d", &rule, START).allowed);
    let back = restored(&image(&going, START), START, small());
    for key in ["a", "b", "c", "d"] {
        assert!(
            !hit(&back, &counter_key(0), key, &rule, START).allowed,
            "{key}"
        );
    }
}

#[test]
fn refused_keys_are_restored_first() {
    let [rule, ..] = rules(1);
    let going = MemoryCounters::builder().max_entries(1_000).build();
    for key in 0..100 {
        hit(&going, &counter_key(0), &key.to_string(), &rule, START);
    }
    assert!(!hit(&going, &counter_key(0), "77", &rule, START).allowed);
    let mut bytes = Vec::new();
    let written = going
        .write_image(&mut bytes, START, 60 + 8 + 10 * 32)
        .unwrap();
    assert_eq!((written.counters, written.left_out), (10, 90));
    for (bytes, kept) in [(bytes, 10), (image(&going, START), 5)] {
        let counters = MemoryCounters::builder().max_entries(kept).build();
        let found = counters.read_image(&bytes, START).unwrap();
        assert_eq!(found.counters, kept);
        assert!(!hit(&counters, &counter_key(0), "77", &rule, START).allowed);
    }
}

#[test]
fn a_store_in_use_rejects_an_image() {
    let [rule, ..] = rules(1);
    let going = MemoryCounters::new();
    hit(&going, &counter_key(0), "a", &rule, START);
    let bytes = image(&going, START);
    let refused = going.read_image(&bytes, START).unwrap_err();
    assert!(refused.contains("counted already"), "{refused}");
    assert!(!hit(&going, &counter_key(0), "a", &rule, START).allowed);
}

#[test]
fn an_unknown_layout_is_reported() {
    let mut bytes = image(&MemoryCounters::new(), START);
    bytes[8] = 2;
    let content = bytes.len() - CHECKSUM;
    let mut hasher = SipHasher13::new();
    hasher.write(&bytes[..content]);
    let checksum = hasher.finish().to_le_bytes();
    bytes[content..].copy_from_slice(&checksum);
    let refused = MemoryCounters::new().read_image(&bytes, START).unwrap_err();
    assert!(refused.contains("layout 2"), "{refused}");
}

#[test]
fn every_change_changes_the_version() {
    let [rule, ..] = rules(9);
    let (counters, counter_key) = (MemoryCounters::new(), counter_key(0));
    let mut known = vec![counters.version()];
    let mut changed = |what: &str| {
        let version = counters.version();
        assert!(!known.contains(&version), "{what}");
        known.push(version);
    };
    hit(&counters, &counter_key, "a", &rule, START);
    changed("a charge");
    let charge = Charge::new(&counter_key, b"a", &rule);
    let other = Charge::new(&counter_key, b"b", &rule);
    counters.charge_at(&[charge, other], START);
    changed("two charges");
    counters.adjust_at(&charge, 1, START);
    changed("a return");
    counters.forget_at(&counter_key, b"a");
    changed("a reset");
}

#[test]
fn a_million_counters_fit() {
    let [rule, ..] = rules(5);
    let moving = Rule::Moving {
        capacity: 100,
        period: HOUR,
    };
    let (going, counter_key) = (MemoryCounters::new(), counter_key(0));
    for key in 0..950_000_u32 {
        hit(&going, &counter_key, &key.to_string(), &rule, START);
    }
    for key in 0..2_000 {
        for _ in 0..50 {
            hit(
                &going,
                &counter_key,
                &format!("moving {key}"),
                &moving,
                START,
            );
        }
    }
    let begin = Instant::now();
    let mut bytes = Vec::new();
    let written = going.write_image(&mut bytes, START, MAX_BYTES).unwrap();
    let writing = begin.elapsed();
    let begin = Instant::now();
    let counters = MemoryCounters::new();
    let found = counters.read_image(&bytes, START).unwrap();
    println!(
        "{} counters: {} bytes, written in {writing:.1?} and read in {:.1?}, {} left out",
        written.counters,
        bytes.len(),
        begin.elapsed(),
        written.left_out
    );
    assert!(bytes.len() as u64 <= MAX_BYTES);
    // A few find a full shard and replace other counters.
    assert!(
        written.counters + written.left_out >= 950_000,
        "{written:?}"
    );
    assert_eq!((written.left_out, found.left_out), (0, 0));
    assert_eq!(found.counters, written.counters);
}
