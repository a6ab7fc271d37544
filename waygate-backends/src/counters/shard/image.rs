//! One shard as records of bytes, and back. All numbers are little-endian.

use waygate_core::limit::{
    MovingLog,
    quota::{Nanos, SECOND},
};

use super::Shard;
use crate::counters::{
    slots::{Cell, LogSlot, Standing},
    table::{Expiry, Slot},
};

/// A cell takes 32 bytes; a log 20, and 12 for each of its requests.
const HIT: usize = 12;

/// The records of a shard. Buffers that are used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) cells: Vec<u8>,
    pub(crate) logs: Vec<u8>,
    pub(crate) cell_count: u32,
    pub(crate) log_count: u32,
    pub(crate) left_out: usize,
}

impl Packed {
    fn has_room(&mut self, bytes: usize, most: usize) -> bool {
        let fits = self.cells.len() + self.logs.len() + bytes <= most;
        self.left_out += usize::from(!fits);
        fits
    }
}

/// A counter that was kept.
#[derive(Debug, Clone)]
pub(crate) enum Record {
    Cell(Cell),
    Log(LogSlot),
}

impl Record {
    pub(crate) fn read_cell(bytes: &mut &[u8]) -> Option<Self> {
        Cell::unpacked(bytes).map(Self::Cell)
    }

    pub(crate) fn read_log(bytes: &mut &[u8]) -> Option<Self> {
        LogSlot::unpacked(bytes).map(Self::Log)
    }

    pub(crate) fn digest(&self) -> u64 {
        match self {
            Self::Cell(cell) => cell.digest(),
            Self::Log(log) => log.digest(),
        }
    }

    pub(crate) fn is_spent(&self, now: Nanos) -> bool {
        let expiry = match self {
            Self::Cell(cell) => cell.expiry(),
            Self::Log(log) => log.expiry(),
        };
        expiry.is_past(now)
    }

    pub(crate) fn standing(&self) -> Standing {
        match self {
            Self::Cell(cell) => cell.standing(),
            Self::Log(log) => log.standing(),
        }
    }
}

impl Shard {
    /// Returns the longest time to live so far, in whole seconds.
    pub(crate) fn longest(&self) -> u32 {
        u32::try_from(self.longest.div_ceil(SECOND)).unwrap_or(u32::MAX)
    }

    /// Changes with everything that may change a counter.
    pub(crate) fn version(&self) -> u64 {
        self.calls.wrapping_add(self.changes)
    }

    /// Packs what still says something into `most` bytes. Who was refused comes first, so that the others are left out.
    pub(crate) fn pack(&self, now: Nanos, most: usize, into: &mut Packed) {
        into.cells.clear();
        into.logs.clear();
        (into.cell_count, into.log_count, into.left_out) = (0, 0, 0);
        for may_go in [false, true] {
            let lasts = |expiry: Expiry, slot_may_go| !expiry.is_past(now) && slot_may_go == may_go;
            for cell in self.cells.iter() {
                if lasts(cell.expiry(), cell.may_go()) && into.has_room(Cell::PACKED, most) {
                    cell.pack(&mut into.cells);
                    into.cell_count += 1;
                }
            }
            for slot in self.logs.iter() {
                let bytes = LogSlot::PACKED + slot.log().hits().len() * HIT;
                if lasts(slot.expiry(), slot.may_go()) && into.has_room(bytes, most) {
                    slot.pack(&mut into.logs);
                    into.log_count += 1;
                }
            }
        }
    }

    /// Puts a counter back. Whether there was room for it: what a series shares takes none, as when it is counted.
    pub(crate) fn put_back(&mut self, record: Record) -> bool {
        let digest = record.digest();
        let needs_room = record.standing() != Standing::Shared;
        if needs_room && self.is_full()
            || self.cells.get(digest).is_some()
            || self.logs.get(digest).is_some()
        {
            return false;
        }
        match record {
            Record::Cell(cell) => self.cells.insert(cell),
            Record::Log(log) => self.logs.insert(log),
        }
        true
    }

    /// Keeps what was put back for as long as it may have something to say.
    pub(crate) fn expect_lasting(&mut self, longest: u32) {
        self.longest = self.longest.max(u64::from(longest) * SECOND);
    }
}

impl Cell {
    const PACKED: usize = 32;

    fn pack(&self, into: &mut Vec<u8>) {
        let [first, second] = self.words();
        for word in [self.digest(), first, second] {
            into.extend_from_slice(&word.to_le_bytes());
        }
        into.extend_from_slice(&self.expiry().to_le_bytes());
        into.extend_from_slice(&self.series().to_le_bytes());
        into.extend_from_slice(&[self.tag(), self.standing().code()]);
    }

    fn unpacked(bytes: &mut &[u8]) -> Option<Self> {
        let digest = u64::from_le_bytes(array(bytes)?);
        let words = [
            u64::from_le_bytes(array(bytes)?),
            u64::from_le_bytes(array(bytes)?),
        ];
        let expiry = Expiry::from_le_bytes(array(bytes)?);
        let series = u16::from_le_bytes(array(bytes)?);
        let [tag, standing] = array(bytes)?;
        let mut cell = Self::new(digest, series, Standing::of_code(standing)?);
        cell.restore((tag, words), expiry);
        (tag <= 2).then_some(cell)
    }
}

impl LogSlot {
    /// Without its requests.
    const PACKED: usize = 20;

    fn pack(&self, into: &mut Vec<u8>) {
        let hits = self.log().hits();
        into.extend_from_slice(&self.digest().to_le_bytes());
        into.extend_from_slice(&self.expiry().to_le_bytes());
        into.extend_from_slice(&self.series().to_le_bytes());
        into.extend_from_slice(&[self.standing().code(), 0]);
        into.extend_from_slice(&(hits.len() as u32).to_le_bytes());
        for (at, cost) in hits {
            into.extend_from_slice(&at.to_le_bytes());
            into.extend_from_slice(&cost.to_le_bytes());
        }
    }

    fn unpacked(bytes: &mut &[u8]) -> Option<Self> {
        let digest = u64::from_le_bytes(array(bytes)?);
        let expiry = Expiry::from_le_bytes(array(bytes)?);
        let series = u16::from_le_bytes(array(bytes)?);
        let [standing, _] = array(bytes)?;
        let count = u32::from_le_bytes(array(bytes)?) as usize;
        let (hits, rest) = bytes.split_at_checked(count.checked_mul(HIT)?)?;
        *bytes = rest;
        let log: Option<MovingLog> = hits.chunks_exact(HIT).map(hit).collect();
        let mut slot = Self::new(digest, series, Standing::of_code(standing)?, log?);
        slot.set_expiry(expiry);
        Some(slot)
    }
}

fn hit(mut bytes: &[u8]) -> Option<(u64, u32)> {
    let at = u64::from_le_bytes(array(&mut bytes)?);
    Some((at, u32::from_le_bytes(array(&mut bytes)?)))
}

/// The next bytes.
pub(crate) fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (next, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*next)
}

impl Standing {
    fn code(self) -> u8 {
        match self {
            Self::Passing => 0,
            Self::Blocked => 1,
            Self::Shared => 2,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        [Self::Passing, Self::Blocked, Self::Shared]
            .into_iter()
            .find(|standing| standing.code() == code)
    }
}
