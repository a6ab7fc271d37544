//! Snapshots of all counters as one stream of bytes.
//!
//! The stream is a head (mark, layout, shards, secret, time, longest window), then for each shard the two numbers of
//! its records and the records, then SipHash-1-3 over everything before. Numbers are little-endian. Concurrency
//! permits are not included, because they end with the requests that hold them.

use std::{
    hash::Hasher,
    io::{self, Write},
};

use siphasher::sip::SipHasher13;
use waygate_core::limit::quota::Nanos;

use super::{
    MemoryCounters,
    cell::{Cell, Standing},
    shard::{Records, Shard, array, read_log, read_packed},
};

/// The longest image: a million counters of 32 bytes, and as many bytes of logs.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

const MARK: [u8; 8] = *b"WGCOUNT\n";
/// The layout that this code writes and reads. Mark, layout number and checksum have the same places in every layout.
const LAYOUT: u32 = 1;
const HEAD: u64 = 8 + 4 + 4 + 16 + 8 + 4;
const CHECKSUM: usize = 8;
const SHARD_HEAD: u64 = 8;
const MOST_SHARDS: u32 = 1 << 16;

/// The result of writing or reading an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// The number of counters written or restored.
    pub(crate) counters: usize,
    /// The number of counters that had expired when they were read.
    pub(crate) expired: usize,
    /// The number of counters omitted for lack of room.
    pub(crate) left_out: usize,
}

impl MemoryCounters {
    /// Changes whenever a counter may have changed.
    pub(crate) fn version(&self) -> u64 {
        let versions = self.0.each().map(|shard| shard.version());
        versions.fold(0, u64::wrapping_add)
    }

    /// Writes every live counter in up to `most` bytes. Locks one shard at a time, only while its records are copied.
    pub(crate) fn write_image(
        &self,
        out: &mut impl Write,
        now: Nanos,
        most: u64,
    ) -> io::Result<Image> {
        let store = &self.0;
        let shards = store.count();
        let longest = store.each().map(|shard| shard.longest()).max();
        let mut out = Sealed::new(out);
        out.write_all(&MARK)?;
        out.write_all(&LAYOUT.to_le_bytes())?;
        out.write_all(&(shards as u32).to_le_bytes())?;
        for word in store.secret().into_iter().chain([now]) {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(&longest.unwrap_or(0).to_le_bytes())?;
        let heads = HEAD + SHARD_HEAD * shards as u64 + CHECKSUM as u64;
        let mut room = most.saturating_sub(heads);
        let (mut records, mut image) = (Records::default(), Image::default());
        for shard in 0..shards {
            // The remaining shards share the space that earlier ones did not use.
            let share = room / (shards - shard) as u64;
            let share = usize::try_from(share).unwrap_or(usize::MAX);
            store.lock(shard).pack(now, share, &mut records);
            room = room.saturating_sub((records.packed.len() + records.logs.len()) as u64);
            out.write_all(&records.packed_count.to_le_bytes())?;
            out.write_all(&records.log_count.to_le_bytes())?;
            out.write_all(&records.packed)?;
            out.write_all(&records.logs)?;
            image.counters += (records.packed_count + records.log_count) as usize;
            image.left_out += records.left_out;
        }
        out.seal()?;
        Ok(image)
    }

    /// Returns whether these bytes may be an image, a damaged one included: empty, all zeros as after a power loss, or
    /// with the mark.
    pub(crate) fn may_be_image(bytes: &[u8]) -> bool {
        let head = &bytes[..bytes.len().min(MARK.len())];
        MARK.starts_with(head) || bytes.iter().all(|byte| *byte == 0)
    }

    /// Restores the live counters of an image into an empty store.
    ///
    /// # Errors
    ///
    /// The reason why nothing was restored.
    pub(crate) fn read_image(&self, bytes: &[u8], now: Nanos) -> Result<Image, String> {
        let image = Parsed::of(unsealed(bytes)?)?;
        // Everything is validated before anything is changed.
        let whole = image.each(|_, _| {});
        whole.ok_or_else(|| "its records are cut off or make no sense".to_owned())?;
        let store = &self.0;
        let mut shards: Vec<_> = store.each().collect();
        if shards.iter().any(|shard| shard.len() > 0) {
            return Err("this process has counted already".to_owned());
        }
        store.set_secret(image.secret);
        for shard in &mut shards {
            shard.set_longest(image.longest);
        }
        let mut found = Image::default();
        // Refused keys first, in case there is less room than before. Shared counters need none.
        for turn in [Standing::Refused, Standing::Allowed, Standing::Shared] {
            image.each(|old, cell| {
                let standing = cell.standing();
                if standing != turn {
                    return;
                }
                if cell.expiry().is_past(now) {
                    found.expired += 1;
                    return;
                }
                let placed = match standing {
                    Standing::Shared => share_out(&mut shards, old, image.shards, cell),
                    _ => shards[store.shard_of(cell.digest())].restore(cell),
                };
                match placed {
                    true => found.counters += 1,
                    false => found.left_out += 1,
                }
            });
        }
        Ok(found)
    }
}

/// Restores a shared counter into each shard that takes over keys of its old one.
fn share_out(
    shards: &mut [impl std::ops::DerefMut<Target = Shard>],
    old: usize,
    old_shards: usize,
    cell: Cell,
) -> bool {
    let step = old_shards.min(shards.len());
    let heirs = (old % step..shards.len()).step_by(step);
    let mut placed = false;
    for shard in heirs {
        placed |= shards[shard].restore(cell.clone());
    }
    placed
}

/// An image with a parsed head.
struct Parsed<'a> {
    shards: usize,
    secret: [u64; 2],
    longest: u32,
    records: &'a [u8],
}

impl<'a> Parsed<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, String> {
        let rest = bytes.get(MARK.len()..).unwrap_or_default();
        Self::after_mark(rest).unwrap_or_else(|| Err("its head is cut off".to_owned()))
    }

    fn after_mark(mut bytes: &'a [u8]) -> Option<Result<Self, String>> {
        let bytes = &mut bytes;
        let layout = u32::from_le_bytes(array(bytes)?);
        if layout != LAYOUT {
            return Some(Err(format!(
                "it has the layout {layout} of another version, and this one reads {LAYOUT}"
            )));
        }
        let shards = u32::from_le_bytes(array(bytes)?);
        let secret = [
            u64::from_le_bytes(array(bytes)?),
            u64::from_le_bytes(array(bytes)?),
        ];
        let _written_at: [u8; 8] = array(bytes)?;
        let longest = u32::from_le_bytes(array(bytes)?);
        if !shards.is_power_of_two() || shards > MOST_SHARDS {
            return Some(Err(format!("it names {shards} shards")));
        }
        Some(Ok(Self {
            shards: shards as usize,
            secret,
            longest,
            records: bytes,
        }))
    }

    /// Calls `with` for each record and the number of its shard. Returns `None` if the records cannot be read to the
    /// end.
    fn each(&self, mut with: impl FnMut(usize, Cell)) -> Option<()> {
        let mut bytes = self.records;
        let bytes = &mut bytes;
        for shard in 0..self.shards {
            let cells = u32::from_le_bytes(array(bytes)?);
            let logs = u32::from_le_bytes(array(bytes)?);
            for _ in 0..cells {
                with(shard, read_packed(bytes)?);
            }
            for _ in 0..logs {
                with(shard, read_log(bytes)?);
            }
        }
        bytes.is_empty().then_some(())
    }
}

/// Returns the content under the checksum, if it matches.
fn unsealed(bytes: &[u8]) -> Result<&[u8], String> {
    if !bytes.starts_with(&MARK) {
        return Err("it holds no counters".to_owned());
    }
    let sealed = bytes.split_last_chunk::<CHECKSUM>();
    let (content, checksum) = sealed.ok_or("it is cut off")?;
    let mut hasher = SipHasher13::new();
    hasher.write(content);
    match hasher.finish() == u64::from_le_bytes(*checksum) {
        true => Ok(content),
        false => Err("its content does not match its checksum".to_owned()),
    }
}

/// Passes on what is written, and appends its checksum.
struct Sealed<'a, W> {
    out: &'a mut W,
    hasher: SipHasher13,
}

impl<'a, W: Write> Sealed<'a, W> {
    fn new(out: &'a mut W) -> Self {
        Self {
            out,
            hasher: SipHasher13::new(),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.write(bytes);
        self.out.write_all(bytes)
    }

    fn seal(self) -> io::Result<()> {
        self.out.write_all(&self.hasher.finish().to_le_bytes())
    }
}

#[cfg(test)]
mod tests;
