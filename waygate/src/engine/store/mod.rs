//! The store as this process knows it: records by kind, and what stands in for those that cannot be read.

mod collection;
mod instead;
mod kind;
mod records;
mod shown;

pub(crate) use collection::{AnyCollection, Collection, Versioned, json};
pub(crate) use instead::Instead;
pub(crate) use kind::{AnyKind, Kind, Touches, Unread, named, named_freely, split, unknown};
pub(crate) use records::records;
pub(crate) use shown::{Record, Shown, View, record};

/// Has a collection of a kind.
pub(crate) trait Holds<K: Kind> {
    fn collection(&self) -> &Collection<K>;
}
