//! The exposures of late, in a fixed-size table of hashes.

use std::sync::atomic::{AtomicU64, Ordering};

/// The entries that share a cache line. A hash has a place in one line.
const PER_LINE: usize = 8;
/// The bits of an entry for its time.
const TIME: u32 = 24;
const TIME_MASK: u64 = (1 << TIME) - 1;

/// Remembers hashes with the time of their first sight within the window.
///
/// An entry has 40 bits of a hash, and the time in steps. Two hashes with the same 40 bits in one line are taken for one,
/// which happens to one in 10^11. A full line forgets its oldest entry.
#[derive(Debug)]
pub(super) struct Table {
    lines: Box<[Line]>,
    /// In steps of the clock that callers use.
    window: u64,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; PER_LINE]);

impl Table {
    /// Creates a table for this many hashes, at least.
    pub(super) fn new(entries: usize, window: u64) -> Self {
        let lines = entries.div_ceil(PER_LINE).max(1).next_power_of_two();
        let lines = std::iter::repeat_with(Line::default).take(lines);
        Self {
            lines: lines.collect(),
            window: window.clamp(1, TIME_MASK / 2),
        }
    }

    /// Remembers a hash. Returns `true` if it was not known within the window.
    pub(super) fn insert(&self, hash: u64, now: u64) -> bool {
        let Some(line) = self.line(hash) else {
            return false;
        };
        // Another thread may take the same place; after a few rounds, the hash counts as known.
        for _ in 0..PER_LINE {
            let mut oldest: Option<(&AtomicU64, u64, u64)> = None;
            for place in &line.0 {
                let entry = place.load(Ordering::Relaxed);
                let age = match entry {
                    0 => u64::MAX,
                    entry => age(entry, now),
                };
                if entry != 0 && entry >> TIME == mark(hash) {
                    if age < self.window {
                        return false;
                    }
                    oldest = Some((place, entry, u64::MAX));
                    break;
                }
                if oldest.is_none_or(|(_, _, most)| age > most) {
                    oldest = Some((place, entry, age));
                }
            }
            let Some((place, entry, _)) = oldest else {
                return false;
            };
            let next = mark(hash) << TIME | now & TIME_MASK;
            let swapped = place.compare_exchange(entry, next, Ordering::Relaxed, Ordering::Relaxed);
            if swapped.is_ok() {
                return true;
            }
        }
        false
    }

    /// Returns whether a hash is known within the window.
    pub(super) fn contains(&self, hash: u64, now: u64) -> bool {
        let entries = self.line(hash).map(|line| &line.0);
        let mut entries = entries.into_iter().flatten();
        entries.any(|place| {
            let entry = place.load(Ordering::Relaxed);
            entry >> TIME == mark(hash) && age(entry, now) < self.window
        })
    }

    fn line(&self, hash: u64) -> Option<&Line> {
        let mask = self.lines.len() as u64 - 1;
        self.lines.get(usize::try_from(hash & mask).ok()?)
    }
}

/// The part of a hash in an entry, never 0.
fn mark(hash: u64) -> u64 {
    (hash >> TIME).max(1)
}

fn age(entry: u64, now: u64) -> u64 {
    (now & TIME_MASK).wrapping_sub(entry & TIME_MASK) & TIME_MASK
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spreads numbers over all bits.
    fn hash(number: u64) -> u64 {
        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn a_hash_is_new_once_within_the_window() {
        let table = Table::new(1_024, 10);
        for now in [0, 1 << TIME, (1 << TIME) - 5] {
            let known = hash(now);
            assert!(table.insert(known, now));
            assert!(!table.insert(known, now));
            assert!(!table.insert(known, now + 9));
            assert!(table.contains(known, now + 9));
            assert!(!table.contains(known, now + 10));
            assert!(table.insert(known, now + 10));
            assert!(!table.contains(hash(77), now));
        }
    }

    #[test]
    fn a_full_table_forgets_the_oldest() {
        let table = Table::new(1_024, 1_000_000);
        let new = (0..10_000).filter(|number| table.insert(hash(*number), *number));
        assert_eq!(new.count(), 10_000);
        let kept = (0..10_000).filter(|number| table.contains(hash(*number), 10_000));
        let kept: Vec<u64> = kept.collect();
        assert_eq!(kept.len(), 1_024);
        assert!(kept[0] > 5_000, "{}", kept[0]);
    }

    #[test]
    fn of_many_threads_one_sees_a_new_hash() {
        let table = Table::new(1 << 16, 1_000);
        let new: usize = std::thread::scope(|scope| {
            let count = || {
                (0..10_000)
                    .filter(|number| table.insert(hash(*number), 1))
                    .count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).sum()
        });
        assert_eq!(new, 10_000);
    }
}
