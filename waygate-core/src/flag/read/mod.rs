//! From JSON to definitions, with every problem and its place.

mod at;
mod flag;
mod object;
mod progressive;
mod rule;
mod schedule;
mod segment;

pub(super) use flag::flag;
pub(super) use rule::{read_rule, read_serve};
pub(super) use segment::segment;
