//! Operands and attributes as numbers, strings, versions and times.

mod equal;
mod fold;
mod moment;
mod number;
mod text;
mod version;

pub(super) use equal::equal;
pub(super) use fold::{compare as compare_folded, ends_with, folded, starts_with};
pub(super) use moment::moment;
pub(super) use number::Number;
pub(super) use text::Buffer;
pub(super) use version::Version;
