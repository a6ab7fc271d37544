use std::{borrow::Borrow, collections::HashMap, hash::Hash};

/// A map of the most recently used entries: at least `capacity` of them, and at most twice as many.
///
/// Entries are in two generations. When the young one is full, it becomes the old one, and the previous old one is
/// dropped.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    capacity: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            capacity,
        }
    }

    /// Returns the value of a key, and marks it as used.
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(super) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recently_used_entries_are_kept_within_bounds() {
        let mut recent = Recent::new(10);
        for number in 0..1_000 {
            recent.insert(number, number);
            // Used repeatedly.
            assert_eq!(recent.get(&0), Some(&mut 0));
            for before in (0_i32.max(number - 8))..=number {
                assert!(recent.young.contains_key(&before) || recent.old.contains_key(&before));
            }
            assert!(recent.young.len() + recent.old.len() <= 20);
        }
        assert_eq!(recent.get(&1), None);
    }

    #[test]
    fn a_key_has_one_value_and_is_removed_completely() {
        let mut recent = Recent::new(1);
        recent.insert("a", 1);
        recent.insert("b", 1);
        recent.insert("a", 2);
        assert_eq!(recent.get("a"), Some(&mut 2));
        recent.insert("b", 2);
        recent.remove("a");
        assert_eq!(recent.get("a"), None);
        assert_eq!(recent.get("b"), Some(&mut 2));
    }
}
