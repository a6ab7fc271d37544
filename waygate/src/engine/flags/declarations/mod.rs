//! Flags of the program: those that its code declares, and the definitions that it brings along.

mod builder;
mod declared;
mod finding;
mod seeds;
mod sow;
pub(in crate::engine) mod usage;

pub use declared::{DeclaredFlag, LinkedFlag};
pub use finding::{DeclaredVariation, FlagDeclaration, FlagFinding, FlagMismatch};
pub(crate) use seeds::{Seeds, Sowing};
