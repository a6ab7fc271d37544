use std::{borrow::Borrow, fmt, sync::Arc};

/// The most entries of a chunk. A change copies the pointers of one chunk, and the pointers to all chunks.
const MOST: usize = 256;

/// A sorted map whose copies share their entries. A change copies only the changed chunk and the pointers to the
/// others: a few microseconds at 100,000 entries.
pub(crate) struct SortedMap<K, V> {
    /// Sorted; no chunk is empty.
    chunks: Arc<Vec<Chunk<K, V>>>,
    len: usize,
}

type Chunk<K, V> = Arc<Vec<Arc<(K, V)>>>;

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self {
            chunks: Arc::default(),
            len: 0,
        }
    }
}

impl<K, V> Clone for SortedMap<K, V> {
    fn clone(&self) -> Self {
        Self {
            chunks: self.chunks.clone(),
            len: self.len,
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K, V> SortedMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        entries(self.chunks.iter().flat_map(|chunk| &**chunk))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Returns `true` if both are the same copy. `false` says nothing about their entries.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks)
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// The chunk with the key, if any has it.
    fn chunk_of<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        let starts_at_or_before = |chunk: &Chunk<K, V>| {
            let first = chunk.first();
            first.is_some_and(|entry| entry.0.borrow() <= key)
        };
        self.chunks
            .partition_point(starts_at_or_before)
            .saturating_sub(1)
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        let at = find(chunk, key).ok()?;
        chunk.get(at).map(|entry| &entry.1)
    }

    /// The entries from a key on.
    pub(crate) fn from(&self, key: &K) -> impl Iterator<Item = (&K, &V)> {
        let first = self.chunk_of(key);
        let chunks = self.chunks.iter().skip(first);
        let skipped = self.chunks.get(first).map_or(0, |chunk| {
            let at = find(chunk, key);
            at.unwrap_or_else(|at| at)
        });
        entries(chunks.flat_map(|chunk| &**chunk).skip(skipped))
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        let at = self.chunk_of(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(at) else {
            chunks.push(Arc::new(vec![Arc::new((key, value))]));
            self.len += 1;
            return;
        };
        let chunk = Arc::make_mut(chunk);
        match find(chunk, &key) {
            Ok(found) => chunk[found] = Arc::new((key, value)),
            Err(free) => {
                chunk.insert(free, Arc::new((key, value)));
                self.len += 1;
            }
        }
        if chunk.len() > MOST {
            let upper = chunk.split_off(MOST / 2);
            chunks.insert(at + 1, Arc::new(upper));
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let at = self.chunk_of(key);
        let found = self.chunks.get(at).map(|chunk| find(chunk, key));
        let Some(Ok(found)) = found else {
            return;
        };
        self.len -= 1;
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(&mut chunks[at]);
        chunk.remove(found);
        // Small neighbors are merged, so that the number of chunks follows that of the entries.
        let left = chunk.len();
        let next = chunks.get(at + 1).map(|next| next.len());
        if left == 0 {
            chunks.remove(at);
        } else if next.is_some_and(|next| left + next <= MOST / 2) {
            let next = chunks.remove(at + 1);
            Arc::make_mut(&mut chunks[at]).extend(next.iter().cloned());
        }
    }
}

fn entries<'a, K: 'a, V: 'a>(
    all: impl Iterator<Item = &'a Arc<(K, V)>>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    all.map(|entry| (&entry.0, &entry.1))
}

fn find<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized>(
    chunk: &[Arc<(K, V)>],
    key: &Q,
) -> Result<usize, usize> {
    chunk.binary_search_by(|entry| entry.0.borrow().cmp(key))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Pseudorandom numbers, the same in each run.
    fn next(state: &mut u64) -> u64 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *state >> 33
    }

    #[test]
    fn it_behaves_like_a_sorted_map() {
        let (mut map, mut model) = (SortedMap::default(), BTreeMap::new());
        let mut state = 7;
        for step in 0..40_000_u64 {
            let key = next(&mut state) % 3_000;
            // First it grows, then it shrinks.
            if next(&mut state) % 10 < if step < 20_000 { 7 } else { 2 } {
                map.insert(key, step);
                model.insert(key, step);
            } else {
                map.remove(&key);
                model.remove(&key);
            }
            assert_eq!(map.len(), model.len());
            assert_eq!(map.get(&key), model.get(&key));
            if step % 1_000 == 0 {
                assert!(map.iter().eq(model.iter()));
                assert!(map.from(&key).eq(model.range(key..)));
                assert!(map.chunks.len() <= 2 + map.len() / (MOST / 8), "{step}");
            }
        }
        for key in 0..3_000 {
            map.remove(&key);
        }
        assert!(map.chunks.is_empty() && map.len() == 0);
    }

    #[test]
    fn a_copy_keeps_its_entries_and_shares_unchanged_ones() {
        let mut map = SortedMap::default();
        for key in 0..10_000 {
            map.insert(key, key);
        }
        let copy = map.clone();
        assert!(map.is(&copy));
        map.insert(5_000, 0);
        map.remove(&5_001);
        assert!(!map.is(&copy));
        assert_eq!(
            (copy.get(&5_000), copy.get(&5_001)),
            (Some(&5_000), Some(&5_001))
        );
        let shared = map.chunks.iter().filter(|chunk| {
            let mut others = copy.chunks.iter();
            others.any(|other| Arc::ptr_eq(chunk, other))
        });
        assert_eq!(shared.count() + 1, map.chunks.len());
    }
}
