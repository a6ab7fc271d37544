//! How the engine reads, keeps, writes and announces a kind of record.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
#[cfg(feature = "flags")]
use waygate_core::flag::{FlagKey, SegmentKey};
use waygate_core::{
    grammar::Invalid,
    model::{LimitScope, RouteKey},
    port::EntityKey,
};

use super::{
    instead::Instead,
    shown::{Shown, View},
};

/// A kind of record. `engine/kinds` has a file for each kind, and a line for it in `records!`.
pub(crate) trait Kind: fmt::Debug + Default + Clone + Copy + Send + Sync + 'static {
    /// The possible first segments of its keys in the store: `route` in `route/GET:/a`.
    const NAMES: &'static [&'static str];

    /// `true` if records of this kind gate or limit requests. A misspelled key of such a kind is treated as every key
    /// that it may refer to.
    const GOVERNS: bool = false;

    /// The subject of a record.
    type Key: Clone + Ord + fmt::Debug + Send + Sync + 'static;

    /// The content of a record.
    type Value: Serialize
        + DeserializeOwned
        + Clone
        + PartialEq
        + fmt::Debug
        + Send
        + Sync
        + 'static;

    /// Parses a key: one of [`NAMES`](Self::NAMES), and the text after the slash, if there is one.
    fn parse(kind: &str, name: Option<&str>) -> Result<Self::Key, Invalid>;

    /// The key under which a record is stored.
    fn entity(key: &Self::Key) -> EntityKey;

    /// Checks that a value may be the content of a record.
    fn fits(_key: &Self::Key, _value: &Self::Value) -> Result<(), String> {
        Ok(())
    }

    /// The route that a record is about.
    fn route(_key: &Self::Key) -> Option<&RouteKey> {
        None
    }

    /// The part of a name that is a route's key, in any spelling.
    fn route_in_name<'a>(_kind: &str, _name: &'a str) -> Option<&'a str> {
        None
    }

    /// Returns `true` if an older value may replace an unreadable one. It may not if it leaves something open that may
    /// have been closed since.
    fn may_stand_in(_older: &Self::Value) -> bool {
        true
    }

    /// The effect of an unreadable record about which nothing else is known.
    const INSTEAD: Instead = Instead::Nothing;

    /// The effect of one unreadable record, and the value that replaces it.
    fn stand_in(_unread: &Unread) -> (Instead, Option<Self::Value>) {
        (Self::INSTEAD, None)
    }

    /// The parts to compile again after a change of a record.
    fn touches(_key: &Self::Key) -> Touches<'_> {
        Touches::Nothing
    }

    /// A text of this record for readers of the documentation, shown in the live document and on its page.
    #[cfg_attr(
        not(feature = "openapi"),
        expect(dead_code, reason = "the documentation asks for it")
    )]
    fn notice(_value: &Self::Value) -> Option<&str> {
        None
    }

    /// The event about a change; `None` if another record's event covers it.
    fn shown(key: &Self::Key, value: Option<&Self::Value>, view: &dyn View) -> Option<Shown>;
}

/// A kind with records that operators set and delete by name.
///
/// The actions in the audit log are `announcement_set` and `announcement_deleted`, with the path
/// `announcement:<name>`, after the first of its [`NAMES`](Kind::NAMES).
#[cfg(feature = "admin")]
pub(crate) trait Setting: Kind<Key = waygate_core::grammar::PolicyName> {}

/// An unreadable record.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The commit that wrote it.
    pub(crate) revision: u64,
    /// `true` if the record still says that it is off.
    pub(crate) says_off: bool,
}

/// The compiled parts of the snapshot that depend on a record. Everything else reads the records themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Touches<'a> {
    Nothing,
    Route(&'a RouteKey),
    Limits(&'a LimitScope),
    AllLimits,
    #[cfg(feature = "flags")]
    Flag(&'a FlagKey),
    #[cfg(feature = "flags")]
    Segment(&'a SegmentKey),
}

/// A [`Kind`] behind a pointer, with the operations on keys.
pub(crate) trait AnyKind: fmt::Debug + Sync {
    fn names(&self) -> &'static [&'static str];
    fn governs(&self) -> bool;
    fn instead(&self) -> Instead;
    /// The key in its canonical spelling.
    fn canonical(&self, kind: &str, name: Option<&str>) -> Result<EntityKey, Invalid>;
    fn route(&self, key: &EntityKey) -> Option<RouteKey>;
    fn route_in_name<'a>(&self, kind: &str, name: &'a str) -> Option<&'a str>;
}

impl<K: Kind> AnyKind for K {
    fn names(&self) -> &'static [&'static str] {
        K::NAMES
    }

    fn governs(&self) -> bool {
        K::GOVERNS
    }

    fn instead(&self) -> Instead {
        K::INSTEAD
    }

    fn canonical(&self, kind: &str, name: Option<&str>) -> Result<EntityKey, Invalid> {
        K::parse(kind, name).map(|key| K::entity(&key))
    }

    fn route(&self, key: &EntityKey) -> Option<RouteKey> {
        read_key::<K>(key).ok().as_ref().and_then(K::route).cloned()
    }

    fn route_in_name<'a>(&self, kind: &str, name: &'a str) -> Option<&'a str> {
        K::route_in_name(kind, name)
    }
}

/// Parses the key of a record of this kind.
pub(crate) fn read_key<K: Kind>(key: &EntityKey) -> Result<K::Key, Invalid> {
    let (kind, name) = split(key);
    K::parse(kind, name)
}

/// Splits a key into its kind and its name.
pub(crate) fn split(key: &EntityKey) -> (&str, Option<&str>) {
    match key.as_str().split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (key.as_str(), None),
    }
}

/// Parses a required name with the grammar of its key.
pub(crate) fn named<T: std::str::FromStr<Err = Invalid>>(
    kind: &str,
    name: Option<&str>,
) -> Result<T, Invalid> {
    match name {
        Some(name) => name.parse(),
        None => Err(unknown(kind)),
    }
}

/// Parses a required name of any text.
pub(crate) fn named_freely(kind: &str, name: Option<&str>) -> Result<Box<str>, Invalid> {
    name.map(Into::into).ok_or_else(|| unknown(kind))
}

/// The error for an unknown kind.
pub(crate) fn unknown(kind: &str) -> Invalid {
    let problem = "there is no such kind of records in this version; check its spelling";
    Invalid::new("record", kind, problem)
}
