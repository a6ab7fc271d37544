//! The version of all that an audience depends on.

use std::{
    collections::HashSet,
    hash::Hasher,
    io::{self, Write},
    sync::Arc,
};

use serde::Serialize;
use siphasher::sip::SipHasher13;
use waygate_core::{
    Timestamp,
    flag::{CompileOptions, CompiledFlag, CompiledSegment, Flag, FlagSet, Segment},
};

use super::{evaluation::is_visible, token::Audience};

/// The flags that an audience sees, and all that these need.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Edition {
    /// A hash of the definitions: the same in all processes, and another one after each change. Revisions do not identify
    /// content: after a failover, two commits may have had the same number.
    pub(super) fingerprint: u64,
    /// The time of the last change, in Unix seconds.
    pub(super) last_modified: Option<i64>,
}

/// The hashes of all definitions, which are kept for those that stay.
#[derive(Debug, Default)]
pub(super) struct Digests {
    flags: Vec<Digest<Flag>>,
    segments: Vec<Digest<Segment>>,
}

#[derive(Debug)]
struct Digest<T> {
    definition: Arc<T>,
    hash: u64,
    changed: Option<Timestamp>,
}

impl<T: Serialize> Digest<T> {
    fn of(definition: &Arc<T>, known: Option<&Self>, changed: Option<Timestamp>) -> Self {
        let known = known.filter(|known| Arc::ptr_eq(&known.definition, definition));
        Self {
            definition: definition.clone(),
            hash: known.map_or_else(|| hash(&**definition), |known| known.hash),
            changed,
        }
    }
}

impl Digests {
    /// Hashes the definitions that `known` does not have.
    pub(super) fn of(flags: &[Arc<CompiledFlag>], set: &FlagSet, known: &Self) -> Self {
        let flags = flags.iter().map(|flag| flag.definition());
        let mut segments: Vec<&Arc<CompiledSegment>> = set.segments().collect();
        segments.sort_unstable_by_key(|segment| &segment.definition().key);
        let segments = segments.iter().map(|segment| segment.definition());
        Self {
            flags: flags
                .map(|flag| Digest::of(flag, known.flag(flag.key.as_str()), flag.updated_at))
                .collect(),
            segments: segments
                .map(|segment| {
                    let known = known.segment(segment.key.as_str());
                    Digest::of(segment, known, segment.updated_at)
                })
                .collect(),
        }
    }

    fn flag(&self, key: &str) -> Option<&Digest<Flag>> {
        let by_key = |digest: &Digest<Flag>| digest.definition.key.as_str().cmp(key);
        let at = self.flags.binary_search_by(by_key).ok()?;
        self.flags.get(at)
    }

    fn segment(&self, key: &str) -> Option<&Digest<Segment>> {
        let by_key = |digest: &Digest<Segment>| digest.definition.key.as_str().cmp(key);
        let at = self.segments.binary_search_by(by_key).ok()?;
        self.segments.get(at)
    }

    /// The edition of an audience. Definitions that it does not depend on do not count.
    pub(super) fn edition(
        &self,
        flags: &[Arc<CompiledFlag>],
        options: CompileOptions,
        audience: Audience,
    ) -> Edition {
        let visible = flags.iter().filter(|flag| is_visible(flag, audience));
        let mut open: Vec<&str> = visible.map(|flag| flag.definition().key.as_str()).collect();
        let mut needed: HashSet<&str> = open.iter().copied().collect();
        let mut segments = Vec::new();
        while let Some(flag) = open.pop().and_then(|key| self.flag(key)) {
            let others = flag.definition.prerequisites.iter();
            let others = others.map(|other| other.flag_key.as_str());
            open.extend(others.filter(|key| self.flag(key).is_some() && needed.insert(key)));
            segments.extend(flag.definition.needed_segments());
        }
        let mut needed_segments = HashSet::new();
        while let Some(key) = segments.pop() {
            if let (true, Some(segment)) = (needed_segments.insert(key), self.segment(key)) {
                segments.extend(segment.definition.needed_segments());
            }
        }
        let mut edition = Editing::default();
        // Results depend on them as much as on the definitions.
        let options = format!("{options:?}");
        edition.hasher.write(options.as_bytes());
        let flags = self.flags.iter();
        for flag in flags.filter(|flag| needed.contains(flag.definition.key.as_str())) {
            edition.add(flag);
        }
        let segments = self.segments.iter();
        for segment in
            segments.filter(|segment| needed_segments.contains(segment.definition.key.as_str()))
        {
            edition.add(segment);
        }
        Edition {
            fingerprint: edition.hasher.finish(),
            last_modified: edition.changed.map(|time| time.as_second()),
        }
    }
}

#[derive(Default)]
struct Editing {
    hasher: SipHasher13,
    changed: Option<Timestamp>,
}

impl Editing {
    fn add<T>(&mut self, digest: &Digest<T>) {
        self.hasher.write(&digest.hash.to_be_bytes());
        self.changed = self.changed.max(digest.changed);
    }
}

/// Hashes the JSON of a definition, which has its key and all of its members.
fn hash(definition: &impl Serialize) -> u64 {
    struct Sink(SipHasher13);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut sink = Sink(SipHasher13::new());
    // Writing into the hash does not fail.
    let _ = serde_json::to_writer(&mut sink, definition);
    sink.0.finish()
}
