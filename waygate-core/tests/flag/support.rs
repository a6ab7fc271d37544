//! Sets of flags from JSON.

use std::sync::Arc;

use serde_json::Value;
use waygate_core::{
    flag::{
        CompileOptions, CompiledFlag, CompiledSegment, EvaluationContext, Flag, FlagSet, Segment,
    },
    port::ManualClock,
};

pub(crate) fn clock() -> ManualClock {
    ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap())
}

pub(crate) fn context(value: &Value) -> EvaluationContext {
    EvaluationContext::from_json(value).unwrap()
}

/// Compiles definitions as a store would have them.
pub(crate) fn set(flags: &[Value], segments: &[Value], options: CompileOptions) -> FlagSet {
    let mut set = FlagSet::new();
    for flag in flags {
        let flag = Flag::stored(flag).unwrap();
        let (flag, _) = CompiledFlag::compile(Arc::new(flag), options);
        set.insert_flag(Arc::new(flag));
    }
    for segment in segments {
        let segment = Segment::stored(segment).unwrap();
        let (segment, _) = CompiledSegment::compile(Arc::new(segment), options);
        set.insert_segment(Arc::new(segment));
    }
    set
}
