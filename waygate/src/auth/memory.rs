//! The memory of argon2: two permanent buffers for the whole process.
//!
//! Allocating them for each check would fragment the heap, and the process could grow by a buffer with each login.

use std::sync::{Condvar, Mutex, PoisonError};

use argon2::Block;

/// The most concurrent checks.
pub(super) const PIECES: usize = 2;

static FREE: Mutex<[Option<Vec<Block>>; PIECES]> = Mutex::new([const { Some(Vec::new()) }; PIECES]);
static RETURNED: Condvar = Condvar::new();

/// Grows the buffers, so that no login has to, and a machine without enough memory fails at the start.
pub(super) fn prepare(blocks: usize) {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    for piece in free.iter_mut().flatten() {
        grow(piece, blocks);
    }
}

/// Runs work in a buffer, once one is free. The buffer contains the data of earlier work.
pub(super) fn with<T>(blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
    let mut lease = Lease::take();
    grow(&mut lease.piece, blocks);
    work(&mut lease.piece)
}

fn grow(piece: &mut Vec<Block>, blocks: usize) {
    if piece.len() < blocks {
        // Free the old buffer first.
        *piece = Vec::new();
        *piece = vec![Block::new(); blocks];
    }
}

/// A buffer that is returned even if the work panics.
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
