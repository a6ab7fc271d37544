//! Limits how many request bodies are read concurrently.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// The limits on concurrent bodies: of clients without a token, each of a few KiB, and of clients with one.
const STRANGERS: usize = 128;
const TRUSTED: usize = 32;

/// The bodies that are being read. Clients without a token use no slot of those with one.
#[derive(Debug, Clone)]
pub(crate) struct Readers(Arc<[Slots; 2]>);

impl Default for Readers {
    fn default() -> Self {
        Self(Arc::new([Slots::new(STRANGERS), Slots::new(TRUSTED)]))
    }
}

impl Readers {
    pub(super) fn slots(&self, trusted: bool) -> &Slots {
        &self.0[usize::from(trusted)]
    }
}

/// A number of slots. When all are taken, the next body evicts the oldest one. A client that sends its body promptly
/// needs a slot only briefly, so slow clients do not block others.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    reading: Mutex<Reading>,
}

#[derive(Debug, Default)]
struct Reading {
    next: u64,
    under_way: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Slots {
    fn new(most: usize) -> Self {
        Self {
            most,
            reading: Mutex::default(),
        }
    }

    /// Acquires a slot. The receiver resolves when the slot is evicted.
    pub(super) fn acquire(&self) -> (Slot<'_>, oneshot::Receiver<()>) {
        let (sender, evicted) = oneshot::channel();
        let mut reading = self.reading();
        while reading.under_way.len() >= self.most {
            // Dropping the sender evicts.
            reading.under_way.pop_first();
        }
        let number = reading.next;
        reading.next += 1;
        reading.under_way.insert(number, sender);
        let slots = self;
        (Slot { slots, number }, evicted)
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot, released on drop.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    number: u64,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.reading().under_way.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_body_is_evicted() {
        let slots = Slots::new(2);
        let (_first, mut first_evicted) = slots.acquire();
        let (second, _) = slots.acquire();
        let (_third, mut third_evicted) = slots.acquire();
        assert!(first_evicted.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        drop(second);
        let _fourth = slots.acquire();
        assert!(third_evicted.try_recv() == Err(oneshot::error::TryRecvError::Empty));
    }
}
