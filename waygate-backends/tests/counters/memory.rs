//! Memory of the counters, as measured by the allocator.

use std::cell::Cell;

use allocation_counter::measure;
use waygate_backends::MemoryCounters;

use super::kit::*;

#[test]
fn an_idle_key_takes_less_than_a_hundred_bytes() {
    const KEYS: u32 = 200_000;
    let (rule, counter_key) = (&rules(10)[0], counter_key());
    let counters = MemoryCounters::new();
    let allocated = measure(|| {
        for key in 0..KEYS {
            hit(&counters, &counter_key, &key.to_be_bytes(), rule, START);
        }
    });
    assert_eq!(counters.len(), KEYS as usize);
    let per_key = allocated.bytes_current as f64 / f64::from(KEYS);
    assert!((32.0..=100.0).contains(&per_key), "{per_key} bytes");
}

#[test]
fn approximate_bytes_matches_the_allocator() {
    let (rules, counter_key) = (rules(10), counter_key());
    let store = Cell::new(None);
    let allocated = measure(|| {
        let counters = MemoryCounters::new();
        for rule in &rules {
            for key in 0..2_000u32 {
                let key = format!("{key} {rule:?}");
                hit(&counters, &counter_key, key.as_bytes(), rule, START);
            }
        }
        store.set(Some(counters));
    });
    let approximate = store.take().unwrap().approximate_bytes() as f64;
    let exact = allocated.bytes_current as f64;
    assert!(
        (0.98..=1.02).contains(&(approximate / exact)),
        "{approximate} {exact}"
    );
}

#[test]
fn a_known_key_does_not_allocate() {
    let (rules, counter_key) = (rules(1_000), counter_key());
    let counters = MemoryCounters::new();
    for rule in &rules[..3] {
        let key = format!("{rule:?}");
        hit(&counters, &counter_key, key.as_bytes(), rule, START);
        let allocated = measure(|| {
            for _ in 0..2_000 {
                hit(&counters, &counter_key, key.as_bytes(), rule, START);
            }
        });
        assert_eq!(allocated.count_total, 0, "{rule:?}");
    }
    let charges = [
        ask(&counter_key, b"a", &rules[0]),
        ask(&counter_key, b"b", &rules[2]),
    ];
    counters.charge_at(&charges, START);
    let allocated = measure(|| {
        for _ in 0..2_000 {
            counters.charge_at(&charges, START);
        }
    });
    assert_eq!(allocated.count_total, 0);
}
