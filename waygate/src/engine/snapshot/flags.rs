//! The compiled flags of a snapshot.

use std::{collections::BTreeMap, sync::Arc};

use waygate_core::{
    Printable, Timestamp,
    flag::{
        CompiledFlag, CompiledSegment, Flag, FlagKey, FlagSet, Problems, Relations, Segment,
        SegmentKey, reference_faults,
    },
};

use crate::engine::{
    compiler::Compiler,
    kinds::Segments,
    store::{Kind, read_key},
    stored::Stored,
    touched::Touched,
};

/// Facts about flags besides their compiled form, for few of them.
#[derive(Debug, Default, Clone)]
pub(crate) struct FlagNotes {
    /// The time of the next scheduled change.
    pub(crate) scheduled: BTreeMap<FlagKey, Timestamp>,
    /// Operands that can never match, by `flag:<key>` or `segment:<key>`.
    pub(crate) faults: BTreeMap<String, Problems>,
    /// Flags that cannot be evaluated for all contexts because of what they use.
    references: Vec<(FlagKey, Problems)>,
}

/// Compiles all flags and segments of the store.
pub(super) fn compile(stored: &Stored, compiler: Compiler<'_>) -> (Arc<FlagSet>, Arc<FlagNotes>) {
    let records = &stored.records;
    let mut compiled = Compiled {
        set: FlagSet::new(),
        notes: FlagNotes::default(),
        compiler,
    };
    compiler.flag_facts.observe(&mut compiled.set);
    let unreadable = stored.unreadable.keys();
    for key in unreadable.filter_map(|key| read_key::<Segments>(key).ok()) {
        compiled.insert_unreadable(key);
    }
    for (_, segment) in records.segments.iter() {
        compiled.insert_segment(&segment.value);
    }
    for (_, flag) in records.flags.iter() {
        compiled.insert_flag(&flag.value);
    }
    compiled.notes.references = reference_faults(records);
    (Arc::new(compiled.set), Arc::new(compiled.notes))
}

/// Compiles the flags and segments that were changed; all others are shared.
pub(super) fn follow(
    (set, notes): (&Arc<FlagSet>, &Arc<FlagNotes>),
    touched: &Touched,
    stored: &Stored,
    compiler: Compiler<'_>,
) -> (Arc<FlagSet>, Arc<FlagNotes>) {
    if touched.flags.is_empty() && touched.segments.is_empty() {
        return (set.clone(), notes.clone());
    }
    let mut compiled = Compiled {
        set: FlagSet::clone(set),
        notes: FlagNotes::clone(notes),
        compiler,
    };
    let records = &stored.records;
    let has_new_relations = has_new_relations(set, touched, stored);
    for key in &touched.segments {
        compiled.notes.faults.remove(&segment_name(key.as_str()));
        match records.segments.get(key) {
            Some(segment) => compiled.insert_segment(&segment.value),
            None if stored.unreadable.contains_key(&Segments::entity(key)) => {
                compiled.insert_unreadable(key.clone());
            }
            None => drop(compiled.set.remove_segment(key.as_str())),
        }
    }
    for key in &touched.flags {
        compiled.notes.forget(key);
        match records.flags.get(key) {
            Some(flag) => compiled.insert_flag(&flag.value),
            None => {
                compiled.set.remove_flag(key.as_str());
                compiler.flag_facts.forget(key);
            }
        }
    }
    // Looks at all definitions, which a switch of one needs not.
    if has_new_relations {
        compiled.notes.references = reference_faults(records);
    }
    (Arc::new(compiled.set), Arc::new(compiled.notes))
}

/// Returns `true` if a change may have made or mended faults of references.
fn has_new_relations(set: &FlagSet, touched: &Touched, stored: &Stored) -> bool {
    let records = &stored.records;
    let flags = touched.flags.iter().any(|key| {
        let old = set
            .flag(key.as_str())
            .map(|flag| Relations::of_flag(flag.definition()));
        let new = records
            .flags
            .get(key)
            .map(|flag| Relations::of_flag(&flag.value));
        old != new
    });
    flags
        || touched.segments.iter().any(|key| {
            let old = set.segment(key.as_str());
            let old = old.filter(|segment| !segment.is_unreadable());
            let old = old.map(|segment| Relations::of_segment(segment.definition()));
            let new = records.segments.get(key);
            let new = new.map(|segment| Relations::of_segment(&segment.value));
            old != new
        })
}

struct Compiled<'a> {
    set: FlagSet,
    notes: FlagNotes,
    compiler: Compiler<'a>,
}

impl Compiled<'_> {
    fn insert_flag(&mut self, flag: &Arc<Flag>) {
        let (compiled, problems) = CompiledFlag::compile(flag.clone(), self.compiler.flags);
        self.notes.note(flag_name(flag.key.as_str()), problems);
        let next = flag.next_change();
        self.notes
            .scheduled
            .extend(next.map(|at| (flag.key.clone(), at)));
        let compiled = self.compiler.flag_facts.count(compiled);
        self.set.insert_flag(Arc::new(compiled));
    }

    fn insert_segment(&mut self, segment: &Arc<Segment>) {
        let (compiled, problems) = CompiledSegment::compile(segment.clone(), self.compiler.flags);
        self.notes
            .note(segment_name(segment.key.as_str()), problems);
        self.set.insert_segment(Arc::new(compiled));
    }

    /// Flags that use the segment evaluate to an error: nothing is known about its members.
    fn insert_unreadable(&mut self, key: SegmentKey) {
        let unreadable = CompiledSegment::unreadable(key);
        self.set.insert_segment(Arc::new(unreadable));
    }
}

impl FlagNotes {
    /// Notes operands that can never match, which the checks of this version refuse but other writers may store.
    fn note(&mut self, name: String, problems: Problems) {
        if !problems.is_empty() {
            self.faults.insert(name, problems);
        }
    }

    fn forget(&mut self, key: &FlagKey) {
        self.scheduled.remove(key);
        self.faults.remove(&flag_name(key.as_str()));
    }

    /// Describes each flag and segment that works only in part.
    pub(crate) fn faults(&self) -> impl Iterator<Item = String> {
        let faults = self.faults.iter().map(|(name, problems)| {
            let name = Printable(name);
            let problems = Printable(problems);
            format!("`{name}`: some conditions never match: {problems}")
        });
        let references = self.references.iter().map(|(key, problems)| {
            let name = flag_name(key.as_str());
            format!("`{name}`: {}", Printable(problems))
        });
        faults.chain(references)
    }
}

fn flag_name(key: &str) -> String {
    format!("flag:{key}")
}

fn segment_name(key: &str) -> String {
    format!("segment:{key}")
}
