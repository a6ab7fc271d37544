//! The flags that the code declares, as they are linked.

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use waygate_core::{
    decl,
    flag::{CompiledFlag, FlagType, FlagValue},
};

use crate::engine::flags::{Decoded, Typed};

/// A flag that `flags!` declares. A `static` holds it.
pub struct DeclaredFlag {
    declaration: decl::Flag,
    /// Its position among all declared flags, once they are counted.
    slot: AtomicUsize,
    /// Set after the warning about values of another type.
    warned: AtomicBool,
    default: fn() -> Value,
    variations: fn() -> Vec<(&'static str, Value)>,
    schema: fn() -> Option<Value>,
    decode: fn(&CompiledFlag) -> Option<Decoded>,
    reads: fn(&FlagValue) -> bool,
    value_type: Option<FlagType>,
}

/// The entry of a declared flag in the registry.
#[derive(Debug)]
pub struct LinkedFlag(pub &'static DeclaredFlag);

inventory::collect!(LinkedFlag);

impl DeclaredFlag {
    /// The slot before the declarations are counted.
    const UNKNOWN: usize = usize::MAX;

    /// Creates a declaration; its texts are already checked.
    pub const fn new<T: Typed>(
        declaration: decl::Flag,
        default: fn() -> Value,
        variations: fn() -> Vec<(&'static str, Value)>,
        schema: fn() -> Option<Value>,
    ) -> Self {
        Self {
            declaration,
            slot: AtomicUsize::new(Self::UNKNOWN),
            warned: AtomicBool::new(false),
            default,
            variations,
            schema,
            decode: T::decode,
            reads: T::reads,
            value_type: T::TYPE,
        }
    }

    /// Returns all linked declarations, by key and place. A declaration with the key of an earlier one is among them.
    pub(crate) fn all() -> &'static [&'static Self] {
        static ALL: OnceLock<Vec<&'static DeclaredFlag>> = OnceLock::new();
        ALL.get_or_init(|| {
            let linked = inventory::iter::<LinkedFlag>.into_iter();
            let mut all: Vec<_> = linked.map(|linked| linked.0).collect();
            all.sort_by_key(|flag| {
                let decl::Flag {
                    key, file, line, ..
                } = flag.declaration;
                (key, file, line)
            });
            for (slot, flag) in all.iter().enumerate() {
                flag.slot.store(slot, Ordering::Relaxed);
            }
            all
        })
    }

    /// Returns the position in [`all`](Self::all), or one beyond its end.
    #[inline]
    pub(crate) fn slot(&self) -> usize {
        self.slot.load(Ordering::Relaxed)
    }

    pub(crate) fn declaration(&self) -> &decl::Flag {
        &self.declaration
    }

    /// Returns the key.
    #[inline]
    pub(crate) fn key(&self) -> &'static str {
        self.declaration.key
    }

    /// Returns the default as JSON.
    pub(crate) fn default_value(&self) -> Value {
        (self.default)()
    }

    /// Returns the type of the values.
    pub(crate) fn value_type(&self) -> FlagType {
        self.value_type
            .unwrap_or_else(|| match self.default_value() {
                Value::Bool(_) => FlagType::Boolean,
                Value::String(_) => FlagType::String,
                Value::Number(number) if number.is_f64() => FlagType::Float,
                Value::Number(_) => FlagType::Integer,
                _ => FlagType::Json,
            })
    }

    pub(crate) fn variations(&self) -> Vec<(&'static str, Value)> {
        (self.variations)()
    }

    pub(crate) fn schema(&self) -> Option<Value> {
        (self.schema)()
    }

    /// Returns the values of all variations in their type, unless they are read from JSON directly.
    pub(crate) fn decode(&self, flag: &CompiledFlag) -> Option<Decoded> {
        (self.decode)(flag)
    }

    /// Returns the names of the variations with values that the type cannot read.
    pub(crate) fn unreadable(&self, flag: &CompiledFlag) -> Vec<String> {
        let variations = flag.definition().variations.iter();
        let unreadable = variations.filter(|variation| !(self.reads)(&(&variation.value).into()));
        unreadable.map(|variation| variation.name.clone()).collect()
    }

    /// Returns `true` for the first call.
    pub(crate) fn warns(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }
}

impl fmt::Debug for DeclaredFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.declaration.fmt(f)
    }
}
