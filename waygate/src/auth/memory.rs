//! The memory that argon2 works in: two pieces for the whole process, which are kept.
//!
//! Taken from the heap for each check, they would leave holes that nothing else fits into: the process grows by up to
//! the size of a piece with each login.

use std::sync::{Condvar, Mutex, PoisonError};

use argon2::Block;

/// How many checks run at a time.
pub(super) const PIECES: usize = 2;

static FREE: Mutex<[Option<Vec<Block>>; PIECES]> = Mutex::new([const { Some(Vec::new()) }; PIECES]);
static RETURNED: Condvar = Condvar::new();

/// Makes the pieces large enough, so that no login has to, and a machine without room says so at the start.
pub(super) fn prepare(blocks: usize) {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    for piece in free.iter_mut().flatten() {
        grow(piece, blocks);
    }
}

/// Works in one piece, when there is one. What is in it is left over from earlier work.
pub(super) fn with<T>(blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
    let mut lease = Lease::take();
    grow(&mut lease.piece, blocks);
    work(&mut lease.piece)
}

fn grow(piece: &mut Vec<Block>, blocks: usize) {
    if piece.len() < blocks {
        // The old one goes first.
        *piece = Vec::new();
        *piece = vec![Block::new(); blocks];
    }
}

/// A piece that is given back even if the work panics.
struct Lease {
    piece: Vec<Block>,
}

impl Lease {
    fn take() -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(piece) = free.iter_mut().find_map(Option::take) {
                return Self { piece };
            }
            free = RETURNED.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = free.iter_mut().find(|place| place.is_none()) {
            *place = Some(std::mem::take(&mut self.piece));
        }
        RETURNED.notify_one();
    }
}
