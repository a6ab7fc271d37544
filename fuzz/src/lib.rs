//! What is fuzzed: functions over bytes, which panic if a promise is broken.
#![allow(clippy::missing_panics_doc)]

mod flags;

pub use flags::{
    TARGETS, Target, context, document, flag, flagd, ofrep, operands, python, segment,
};
