//! What the engine must know of a kind of record to read, keep, write and announce it.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use waygate_core::{
    grammar::Invalid,
    model::{LimitScope, RouteKey},
    port::EntityKey,
};

use super::{
    instead::Instead,
    shown::{Shown, View},
};

/// A kind of record. `engine/kinds` has one file for each, and a line for it in `records!`.
pub(crate) trait Kind: fmt::Debug + Default + Clone + Copy + Send + Sync + 'static {
    /// The first segments of its keys in the store: `route` in `route/GET:/a`.
    const NAMES: &'static [&'static str];

    /// Whether its records gate or limit requests, or say how they do. A misspelled key of such a kind is taken for what it
    /// may mean.
    const GOVERNS: bool = false;

    /// What a record is about.
    type Key: Clone + Ord + fmt::Debug + Send + Sync + 'static;

    /// What a record says.
    type Value: Serialize
        + DeserializeOwned
        + Clone
        + PartialEq
        + fmt::Debug
        + Send
        + Sync
        + 'static;

    /// Reads a key: one of [`NAMES`](Self::NAMES), and what follows the slash, if there is one.
    fn parse(kind: &str, name: Option<&str>) -> Result<Self::Key, Invalid>;

    /// The key under which a record is stored.
    fn entity(key: &Self::Key) -> EntityKey;

    /// The route that a record is about.
    fn route(_key: &Self::Key) -> Option<&RouteKey> {
        None
    }

    /// The part of a name that is a route's key, however it is spelled.
    fn route_in_name<'a>(_kind: &str, _name: &'a str) -> Option<&'a str> {
        None
    }

    /// Whether an older value may stand in for one that cannot be read: not if it leaves something open that may have been
    /// closed since.
    fn may_stand_in(_older: &Self::Value) -> bool {
        true
    }

    /// What applies in place of a record that cannot be read, and of which nothing else is known.
    const INSTEAD: Instead = Instead::Nothing;

    /// The same of one record, and the value that takes its place.
    fn stand_in(_unread: &Unread) -> (Instead, Option<Self::Value>) {
        (Self::INSTEAD, None)
    }

    /// What must be compiled again when a record changes.
    fn touches(_key: &Self::Key) -> Touches<'_> {
        Touches::Nothing
    }

    /// A text of this record for the readers of the documentation, which the live document and its page show.
    #[cfg_attr(
        not(feature = "openapi"),
        expect(dead_code, reason = "the documentation asks for it")
    )]
    fn notice(_value: &Self::Value) -> Option<&str> {
        None
    }

    /// What subscribers see of a change; `None` where another record's event says it.
    fn shown(key: &Self::Key, value: Option<&Self::Value>, view: &dyn View) -> Option<Shown>;
}

/// A kind with records that operators set and delete by name.
///
/// The audit log says `announcement_set` and `announcement_deleted` under the path `announcement:<name>`, after the first of
/// its [`NAMES`](Kind::NAMES).
#[cfg(feature = "admin")]
pub(crate) trait Setting: Kind<Key = waygate_core::grammar::PolicyName> {}

/// A record that cannot be read.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The commit that wrote it.
    pub(crate) revision: u64,
    /// Whether it legibly says that it is switched off.
    pub(crate) says_off: bool,
}

/// The compiled parts of the snapshot that depend on a record. Everything else reads the records themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Touches<'a> {
    Nothing,
    Route(&'a RouteKey),
    Limits(&'a LimitScope),
}

/// A [`Kind`] behind a pointer: what can be asked of a key without the records.
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

/// Reads the key of a record of this kind.
pub(crate) fn read_key<K: Kind>(key: &EntityKey) -> Result<K::Key, Invalid> {
    let (kind, name) = split(key);
    K::parse(kind, name)
}

/// The kind and the name in a key.
pub(crate) fn split(key: &EntityKey) -> (&str, Option<&str>) {
    match key.as_str().split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (key.as_str(), None),
    }
}

/// Reads a name that a kind requires, in the grammar of its key.
pub(crate) fn named<T: std::str::FromStr<Err = Invalid>>(
    kind: &str,
    name: Option<&str>,
) -> Result<T, Invalid> {
    match name {
        Some(name) => name.parse(),
        None => Err(unknown(kind)),
    }
}

/// Reads a name that a kind requires, and that may be any text.
pub(crate) fn named_freely(kind: &str, name: Option<&str>) -> Result<Box<str>, Invalid> {
    name.map(Into::into).ok_or_else(|| unknown(kind))
}

/// There is no such kind.
pub(crate) fn unknown(kind: &str) -> Invalid {
    let problem = "there is no such kind of records in this version; check its spelling";
    Invalid::new("record", kind, problem)
}
