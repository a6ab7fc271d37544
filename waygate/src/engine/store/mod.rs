//! The store as known to this process: records by kind, and the replacements of unreadable ones.

mod collection;
mod instead;
mod kind;
mod place;
mod records;
mod setback;
mod shown;
mod sorted;
mod unreadable;

pub(crate) use collection::{AnyCollection, Collection, Versioned, json};
pub(crate) use instead::Instead;
#[cfg(feature = "admin")]
pub(crate) use kind::Setting;
#[cfg(feature = "flags")]
pub(crate) use kind::read_key;
pub(crate) use kind::{AnyKind, Kind, Touches, Unread, named, named_freely, split, unknown};
pub(crate) use place::Place;
pub(crate) use records::records;
pub(crate) use setback::Setback;
#[cfg(feature = "openapi")]
pub(crate) use shown::Notice;
pub(crate) use shown::{Record, Shown, View, record};
pub(crate) use sorted::SortedMap;
pub(crate) use unreadable::Unreadable;

/// Has a collection of a kind.
pub(crate) trait Holds<K: Kind> {
    fn collection(&self) -> &Collection<K>;
}
