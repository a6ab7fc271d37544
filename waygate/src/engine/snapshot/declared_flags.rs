//! The stored flags of the declarations in code, by position.

use std::sync::Arc;

use waygate_core::{
    Printable,
    flag::{CompiledFlag, FlagSet},
};

use crate::engine::flags::{DeclaredFlag, Decoded};

/// The stored flag of each declaration; `None` if it is not stored.
#[derive(Debug, Default)]
pub(crate) struct DeclaredFlags(Box<[Option<StoredFlag>]>);

/// A stored flag, with its values in the type of a declaration.
#[derive(Debug, Clone)]
pub(crate) struct StoredFlag {
    pub(crate) flag: Arc<CompiledFlag>,
    pub(crate) decoded: Option<Decoded>,
}

impl DeclaredFlags {
    /// Finds the flags of all declarations. Values of flags that are the same as before are kept.
    pub(super) fn find(set: &FlagSet, last: Option<&Self>) -> Arc<Self> {
        let declared = DeclaredFlag::all().iter();
        let stored = declared.map(|declared| {
            let known = last.and_then(|last| last.get(declared));
            let Some(flag) = set.flag(declared.key()) else {
                if known.is_some() {
                    warn_removed(declared);
                }
                return None;
            };
            if let Some(known) = known.filter(|known| Arc::ptr_eq(&known.flag, flag)) {
                return Some(known.clone());
            }
            let decoded = declared.decode(flag);
            warn(declared, flag);
            Some(StoredFlag {
                flag: flag.clone(),
                decoded,
            })
        });
        Arc::new(Self(stored.collect()))
    }

    #[inline]
    pub(crate) fn get(&self, declared: &DeclaredFlag) -> Option<&StoredFlag> {
        self.0.get(declared.slot())?.as_ref()
    }
}

/// Logs a stored flag of another type.
fn warn(declared: &DeclaredFlag, flag: &CompiledFlag) {
    let (stored, expected) = (flag.definition().value_type, declared.value_type());
    if stored != expected {
        let place = declared.declaration();
        tracing::warn!(
            flag = %Printable(declared.key()),
            stored = %Printable(stored),
            declared = %Printable(expected),
            file = %Printable(place.file),
            line = place.line,
            "a stored flag has another type than its declaration; values that cannot be read as that are the default"
        );
    }
}

/// Logs a flag that code needs and the store has no more.
fn warn_removed(declared: &DeclaredFlag) {
    let place = declared.declaration();
    tracing::warn!(
        flag = %Printable(declared.key()),
        default = %Printable(declared.default_value()),
        file = %Printable(place.file),
        line = place.line,
        "a declared flag is no longer stored, so its default is served"
    );
}
