//! Records of features that a process may lack: it keeps them unchanged for the others that share the store.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use waygate_core::{grammar::Invalid, port::EntityKey};

use crate::engine::store::{Kind, Shown, View, named_freely};

/// A value that the engine does not read, as compact JSON: a tenth of the memory of a [`Value`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub(crate) struct Opaque(Box<str>);

impl From<Value> for Opaque {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<&Opaque> for Value {
    fn from(opaque: &Opaque) -> Self {
        serde_json::from_str(&opaque.0).unwrap_or_default()
    }
}

impl From<Opaque> for Value {
    fn from(opaque: Opaque) -> Self {
        Self::from(&opaque)
    }
}

/// Tokens of the admin API.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tokens;

/// The networks with a successful login.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Logins;

/// Logins of devices that wait for a user.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Devices;

/// Implements a kind with values that the engine does not read.
macro_rules! opaque {
    ($kind:ident, $name:literal) => {
        impl Kind for $kind {
            const NAMES: &'static [&'static str] = &[$name];
            type Key = Box<str>;
            type Value = Opaque;

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
opaque!(Devices, "device");

/// Feature flags, in a process without them.
#[cfg(not(feature = "flags"))]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Flags;

/// Segments of feature flags, in a process without them.
#[cfg(not(feature = "flags"))]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Segments;

/// Drafts of feature flags, in a process without them.
#[cfg(not(feature = "flags"))]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct FlagDrafts;

#[cfg(not(feature = "flags"))]
opaque!(FlagDrafts, "flag_draft");
#[cfg(not(feature = "flags"))]
opaque!(Flags, "flag");
#[cfg(not(feature = "flags"))]
opaque!(Segments, "segment");

/// Idempotency keys, in a process without the admin API.
#[cfg(not(feature = "admin"))]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdempotencyKeys;

#[cfg(not(feature = "admin"))]
opaque!(IdempotencyKeys, "idempotency_key");

/// Webhooks, in a process without them.
#[cfg(not(feature = "webhooks"))]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Webhooks;

/// The places of webhooks, in a process without them.
#[cfg(not(feature = "webhooks"))]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct WebhookCursors;

/// The deliveries of webhooks, in a process without them.
#[cfg(not(feature = "webhooks"))]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct WebhookDeliveries;

/// The marks of events, in a process without webhooks.
#[cfg(not(feature = "webhooks"))]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct EventMarks;

#[cfg(not(feature = "webhooks"))]
opaque!(Webhooks, "webhook");
#[cfg(not(feature = "webhooks"))]
opaque!(WebhookCursors, "webhook_cursor");
#[cfg(not(feature = "webhooks"))]
opaque!(WebhookDeliveries, "webhook_delivery");
#[cfg(not(feature = "webhooks"))]
opaque!(EventMarks, "event_marks");
