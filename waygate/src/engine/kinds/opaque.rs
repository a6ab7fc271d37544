//! Records of the admin API. Processes without it may share the store, and keep the records unchanged.

use waygate_core::{grammar::Invalid, port::EntityKey};

use crate::engine::store::{Kind, Shown, View, named_freely};

/// Tokens of the admin API.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tokens;

/// The networks with a successful login.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Logins;

/// Implements a kind whose values the engine does not read.
macro_rules! opaque {
    ($kind:ident, $name:literal) => {
        impl Kind for $kind {
            const NAMES: &'static [&'static str] = &[$name];
            type Key = Box<str>;
            type Value = serde_json::Value;

            fn parse(kind: &str, name: Option<&str>) -> Result<Box<str>, Invalid> {
                named_freely(kind, name)
            }

            fn entity(name: &Box<str>) -> EntityKey {
                EntityKey::of($name, name)
            }

            // The value contains secrets.
            fn shown(name: &Box<str>, _: Option<&Self::Value>, _: &dyn View) -> Option<Shown> {
                Some(Shown::new($name, name, None))
            }
        }
    };
}

opaque!(Tokens, "token");
opaque!(Logins, "login");
