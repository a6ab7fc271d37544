use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The most keys, and the most bytes of a key.
const MAX_KEYS: usize = 100;
const MAX_KEY: usize = 128;

/// Requested keys without a flag. The keys may come from clients.
#[derive(Debug, Default)]
pub(super) struct Missing {
    total: AtomicU64,
    keys: Mutex<HashMap<Box<str>, u64>>,
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
    /// Some of the keys, at most 100 of at most 128 bytes, with the number of evaluations; the most frequent first. A
    /// key that is requested by many threads together may be counted less often here.
    pub keys: Vec<(String, u64)>,
}

impl Missing {
    pub(super) fn count(&self, key: &str) {
        self.total.fetch_add(1, Ordering::Relaxed);
        // No request waits for another one.
        let Ok(mut keys) = self.keys.try_lock() else {
            return;
        };
        let has_room = keys.len() < MAX_KEYS && key.len() <= MAX_KEY;
        match keys.get_mut(key) {
            Some(count) => *count += 1,
            None if has_room => {
                keys.insert(key.into(), 1);
            }
            None => {}
        }
    }

    pub(super) fn list(&self) -> MissingFlags {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.iter().map(|(key, count)| (key.to_string(), *count));
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by(|(a, x), (b, y)| (y, a).cmp(&(x, b)));
        MissingFlags {
            total: self.total.load(Ordering::Relaxed),
            keys,
        }
    }
}
