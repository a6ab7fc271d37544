//! The compiled flags of a snapshot.

use std::sync::Arc;

use waygate_core::{
    Printable,
    flag::{CompileOptions, CompiledFlag, CompiledSegment, Flag, FlagSet, Problems, Segment},
};

use crate::engine::{kinds::Records, touched::Touched};

/// Compiles all flags and segments of the store.
pub(super) fn compile(records: &Records, options: CompileOptions) -> FlagSet {
    let mut set = FlagSet::new();
    for (_, segment) in records.segments.iter() {
        insert_segment(&mut set, &segment.value, options);
    }
    for (_, flag) in records.flags.iter() {
        insert_flag(&mut set, &flag.value, options);
    }
    set
}

/// Compiles the flags and segments that were changed; all others are shared.
pub(super) fn follow(
    last: &Arc<FlagSet>,
    touched: &Touched,
    records: &Records,
    options: CompileOptions,
) -> Arc<FlagSet> {
    if touched.flags.is_empty() && touched.segments.is_empty() {
        return last.clone();
    }
    let mut set = FlagSet::clone(last);
    for key in &touched.segments {
        match records.segments.get(key) {
            Some(segment) => insert_segment(&mut set, &segment.value, options),
            None => drop(set.remove_segment(key.as_str())),
        }
    }
    for key in &touched.flags {
        match records.flags.get(key) {
            Some(flag) => insert_flag(&mut set, &flag.value, options),
            None => drop(set.remove_flag(key.as_str())),
        }
    }
    Arc::new(set)
}

fn insert_flag(set: &mut FlagSet, flag: &Arc<Flag>, options: CompileOptions) {
    let (compiled, problems) = CompiledFlag::compile(flag.clone(), options);
    warn("flag", flag.key.as_str(), &problems);
    set.insert_flag(Arc::new(compiled));
}

fn insert_segment(set: &mut FlagSet, segment: &Arc<Segment>, options: CompileOptions) {
    let (compiled, problems) = CompiledSegment::compile(segment.clone(), options);
    warn("segment", segment.key.as_str(), &problems);
    set.insert_segment(Arc::new(compiled));
}

/// Logs operands that can never match, which the checks of this version refuse but other writers may store.
fn warn(kind: &str, key: &str, problems: &Problems) {
    if !problems.is_empty() {
        tracing::warn!(kind, key = %Printable(key), problems = %Printable(problems), "some conditions never match");
    }
}
