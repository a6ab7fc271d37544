use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::engine::flags::DeclaredFlag;

/// The most keys without a declaration, and the most bytes of a key.
const MAX_KEYS: usize = 100;
const MAX_KEY: usize = 128;

/// Requested keys without a flag.
#[derive(Debug)]
pub(super) struct Missing {
    total: AtomicU64,
    /// The counts of declared flags, by slot.
    declared: Box<[AtomicU64]>,
    /// Other keys, which may come from clients.
    keys: Mutex<Frequent>,
}

/// The evaluations of flags that do not exist.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, flags::EvaluationContext};
///
/// let waygate = Waygate::builder().build().await?;
/// let flags = waygate.flags();
/// assert!(flags.evaluate("serch", &EvaluationContext::new("user-1")).is_none());
/// assert_eq!(flags.missing().keys, [("serch".to_owned(), 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MissingFlags {
    /// Their number since the process started.
    pub total: u64,
    /// The keys with the number of their evaluations, the most frequent first: all declared flags, and at most 100
    /// others of at most 128 bytes. Of the others, each key with more than a hundredth of their evaluations is listed.
    /// Its number may be too low, if the key was not among the most frequent before or many threads request it together.
    pub keys: Vec<(String, u64)>,
}

impl Default for Missing {
    fn default() -> Self {
        Self {
            total: AtomicU64::default(),
            declared: DeclaredFlag::all()
                .iter()
                .map(|_| AtomicU64::default())
                .collect(),
            keys: Mutex::default(),
        }
    }
}

impl Missing {
    pub(super) fn count(&self, key: &str) {
        self.total.fetch_add(1, Ordering::Relaxed);
        if let Some(count) = slot(key).and_then(|slot| self.declared.get(slot)) {
            count.fetch_add(1, Ordering::Relaxed);
        } else if key.len() <= MAX_KEY
            // No request waits for another one.
            && let Ok(mut keys) = self.keys.try_lock()
        {
            keys.count(key);
        }
    }

    pub(super) fn list(&self) -> MissingFlags {
        let declared = DeclaredFlag::all().iter().zip(&self.declared);
        let declared = declared.filter_map(|(flag, count)| {
            let count = count.load(Ordering::Relaxed);
            (count > 0).then(|| (flag.key().to_owned(), count))
        });
        let others = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys: Vec<_> = declared.chain(others.list()).collect();
        keys.sort_by(|(a, x), (b, y)| (y, a).cmp(&(x, b)));
        MissingFlags {
            total: self.total.load(Ordering::Relaxed),
            keys,
        }
    }
}

/// The slot of a declared flag.
fn slot(key: &str) -> Option<usize> {
    // The first of several declarations has all counts.
    let all = DeclaredFlag::all();
    let first = all.partition_point(|flag| flag.key() < key);
    (all.get(first)?.key() == key).then_some(first)
}

/// The most frequent keys of a stream, in bounded memory: the Space-Saving algorithm (Metwally, Agrawal, El Abbadi,
/// ICDT 2005). A new key replaces the least frequent one and takes over its count, so that rare keys replace each other
/// and leave the frequent ones.
#[derive(Debug, Default)]
struct Frequent(HashMap<Box<str>, Count>);

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// The most that the key can have.
    at_most: u64,
    /// The part that it has taken over.
    taken_over: u64,
}

impl Frequent {
    fn count(&mut self, key: &str) {
        if let Some(count) = self.0.get_mut(key) {
            count.at_most += 1;
            return;
        }
        let taken_over = match self.0.len() {
            MAX_KEYS.. => self.remove_least(),
            _ => 0,
        };
        let count = Count {
            at_most: taken_over + 1,
            taken_over,
        };
        self.0.insert(key.into(), count);
    }

    fn remove_least(&mut self) -> u64 {
        let least = self.0.iter().min_by_key(|(_, count)| count.at_most);
        let Some((key, count)) = least.map(|(key, count)| (key.clone(), *count)) else {
            return 0;
        };
        self.0.remove(&key);
        count.at_most
    }

    fn list(&self) -> impl Iterator<Item = (String, u64)> {
        let keys = self.0.iter();
        keys.map(|(key, count)| (key.to_string(), count.at_most - count.taken_over))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_keys_stay_among_many_others() {
        let missing = Missing::default();
        for number in 0..10_000 {
            missing.count(&format!("junk-{number}"));
            if number % 20 == 0 {
                missing.count("checkout");
            }
        }
        let listed = missing.list();
        assert_eq!(listed.total, 10_500);
        assert_eq!(listed.keys.len(), MAX_KEYS);
        let (key, count) = listed.keys.first().unwrap();
        assert_eq!(key, "checkout");
        assert!((400..=500).contains(count), "{count}");
    }

    #[test]
    fn long_keys_are_only_counted() {
        let missing = Missing::default();
        missing.count(&"a".repeat(MAX_KEY + 1));
        let listed = missing.list();
        assert_eq!((listed.total, listed.keys), (1, vec![]));
    }
}
