//! How many bodies are read at a time.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Bodies that are read at a time of clients without a token, each of a few KiB, and of clients with one.
const STRANGERS: usize = 128;
const KNOWN: usize = 32;

/// The bodies that are being read. Strangers take no place from those who have shown a token.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(super) strangers: Places,
    pub(super) known: Places,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            strangers: Places::new(STRANGERS),
            known: Places::new(KNOWN),
        }
    }
}

/// So many bodies at a time. The one that is under way for longest makes room for the next, because who sends a body at
/// once needs the place for a moment only: slow ones keep no others out.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    reading: Mutex<Reading>,
}

#[derive(Debug, Default)]
struct Reading {
    next: u64,
    under_way: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Places {
    const fn new(most: usize) -> Self {
        Self {
            most,
            reading: Mutex::new(Reading {
                next: 0,
                under_way: BTreeMap::new(),
            }),
        }
    }

    /// Takes a place, and with it the signal that it has to be given to another.
    pub(super) fn take(&self) -> (Place<'_>, oneshot::Receiver<()>) {
        let (sender, lost) = oneshot::channel();
        let mut reading = self.reading();
        while reading.under_way.len() >= self.most {
            // A reader has lost its place when its sender is dropped.
            reading.under_way.pop_first();
        }
        let number = reading.next;
        reading.next += 1;
        reading.under_way.insert(number, sender);
        drop(reading);
        let places = self;
        (Place { places, number }, lost)
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, for as long as it exists.
pub(super) struct Place<'a> {
    places: &'a Places,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.reading().under_way.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let places = Places::new(2);
        let (_first, mut first_lost) = places.take();
        let (second, _) = places.take();
        let (_third, mut third_lost) = places.take();
        assert!(first_lost.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        drop(second);
        let _fourth = places.take();
        assert!(third_lost.try_recv() == Err(oneshot::error::TryRecvError::Empty));
    }
}
