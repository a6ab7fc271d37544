//! One shard as records of bytes, and back. All numbers are little-endian.

use waygate_core::limit::{
    MovingLog,
    quota::{Nanos, SECOND},
};

use super::Shard;
use crate::counters::{
    cell::{Cell, Digest, Log, Packed, Standing},
    expiry::Expiry,
};

/// A counter takes 32 bytes, or, if it is a log, 20 and 12 for each request.
const PACKED: usize = 32;
const LOG: usize = 20;
const HIT: usize = 12;

/// The records of a shard, in buffers that are reused for the next one.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) packed: Vec<u8>,
    pub(crate) logs: Vec<u8>,
    pub(crate) packed_count: u32,
    pub(crate) log_count: u32,
    pub(crate) left_out: usize,
}

impl Records {
    fn has_room(&mut self, bytes: usize, most: usize) -> bool {
        let fits = self.packed.len() + self.logs.len() + bytes <= most;
        self.left_out += usize::from(!fits);
        fits
    }

    fn add(&mut self, cell: &Cell, most: usize) {
        let digest = cell.digest();
        match cell.parts() {
            Ok(packed) if self.has_room(PACKED, most) => {
                write_packed(digest, packed, &mut self.packed);
                self.packed_count += 1;
            }
            Err(log) if self.has_room(LOG + log.hits.hits().len() * HIT, most) => {
                write_log(digest, log, &mut self.logs);
                self.log_count += 1;
            }
            _ => {}
        }
    }
}

impl Shard {
    /// Returns the longest time to live so far, in whole seconds.
    pub(crate) fn longest(&self) -> u32 {
        u32::try_from(self.longest.div_ceil(SECOND)).unwrap_or(u32::MAX)
    }

    /// Restores the longest time to live.
    pub(crate) fn set_longest(&mut self, longest: u32) {
        self.longest = self.longest.max(u64::from(longest) * SECOND);
    }

    /// Changes with everything that may change a counter.
    pub(crate) fn version(&self) -> u64 {
        self.calls.wrapping_add(self.changes)
    }

    /// Writes the live counters in up to `most` bytes. Those of refused keys come first; others are omitted if there
    /// is not enough room.
    pub(crate) fn pack(&self, now: Nanos, most: usize, into: &mut Records) {
        into.packed.clear();
        into.logs.clear();
        (into.packed_count, into.log_count, into.left_out) = (0, 0, 0);
        for is_evictable in [false, true] {
            for cell in self.table.iter() {
                if cell.is_evictable() == is_evictable && !cell.expiry().is_past(now) {
                    into.add(cell, most);
                }
            }
        }
    }

    /// Restores a counter. Returns whether there was room. A shared one needs none, as in counting.
    pub(crate) fn restore(&mut self, cell: Cell) -> bool {
        let needs_room = cell.standing() != Standing::Shared;
        if needs_room && self.is_full() || self.table.get(cell.digest()).is_some() {
            return false;
        }
        self.table.insert(cell);
        true
    }
}

fn write_packed(digest: Digest, packed: &Packed, into: &mut Vec<u8>) {
    let [first, second] = packed.words;
    for word in [digest, first, second] {
        into.extend_from_slice(&word.to_le_bytes());
    }
    into.extend_from_slice(&packed.expiry.to_le_bytes());
    into.extend_from_slice(&packed.counter_key.to_le_bytes());
    into.extend_from_slice(&[packed.tag, packed.standing.code()]);
}

pub(crate) fn read_packed(bytes: &mut &[u8]) -> Option<Cell> {
    let digest = u64::from_le_bytes(array(bytes)?);
    let words = [
        u64::from_le_bytes(array(bytes)?),
        u64::from_le_bytes(array(bytes)?),
    ];
    let expiry = Expiry::from_le_bytes(array(bytes)?);
    let counter_key = u16::from_le_bytes(array(bytes)?);
    let [tag, standing] = array(bytes)?;
    let packed = Packed {
        words,
        expiry,
        counter_key,
        tag,
        standing: Standing::of_code(standing)?,
    };
    (tag <= 2).then(|| Cell::packed(digest, packed))
}

fn write_log(digest: Digest, log: &Log, into: &mut Vec<u8>) {
    let hits = log.hits.hits();
    into.extend_from_slice(&digest.to_le_bytes());
    into.extend_from_slice(&log.expiry.to_le_bytes());
    into.extend_from_slice(&log.counter_key.to_le_bytes());
    into.extend_from_slice(&[log.standing.code(), 0]);
    into.extend_from_slice(&(hits.len() as u32).to_le_bytes());
    for (at, cost) in hits {
        into.extend_from_slice(&at.to_le_bytes());
        into.extend_from_slice(&cost.to_le_bytes());
    }
}

pub(crate) fn read_log(bytes: &mut &[u8]) -> Option<Cell> {
    let digest = u64::from_le_bytes(array(bytes)?);
    let expiry = Expiry::from_le_bytes(array(bytes)?);
    let counter_key = u16::from_le_bytes(array(bytes)?);
    let [standing, _] = array(bytes)?;
    let count = u32::from_le_bytes(array(bytes)?) as usize;
    let (hits, rest) = bytes.split_at_checked(count.checked_mul(HIT)?)?;
    *bytes = rest;
    let hits: Option<MovingLog> = hits.chunks_exact(HIT).map(hit).collect();
    let log = Log {
        hits: Box::new(hits?),
        expiry,
        counter_key,
        standing: Standing::of_code(standing)?,
    };
    Some(Cell::log(digest, log))
}

fn hit(mut bytes: &[u8]) -> Option<(u64, u32)> {
    let at = u64::from_le_bytes(array(&mut bytes)?);
    Some((at, u32::from_le_bytes(array(&mut bytes)?)))
}

/// Splits off the next bytes.
pub(crate) fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (next, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*next)
}

impl Standing {
    fn code(self) -> u8 {
        match self {
            Self::Allowed => 0,
            Self::Refused => 1,
            Self::Shared => 2,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        [Self::Allowed, Self::Refused, Self::Shared]
            .into_iter()
            .find(|standing| standing.code() == code)
    }
}
