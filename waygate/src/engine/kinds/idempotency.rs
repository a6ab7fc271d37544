use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use waygate_core::{Timestamp, grammar::Invalid, port::EntityKey};

use crate::engine::store::{Kind, Shown, View, named_freely};

/// The idempotency keys of requests that have changed something, by their digests.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdempotencyKeys;

/// The request of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyedRequest {
    /// Differs between requests. It is keyed, so that it reveals nothing about a body.
    pub(crate) fingerprint: Box<str>,
    /// The time of the request.
    pub(crate) at: Timestamp,
    /// The response, unless it is large or contains a secret, or the process has ended before it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) response: Option<KeptResponse>,
}

/// A response to send again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Box<str>, Box<str>)>,
    pub(crate) body: Box<str>,
}

impl KeyedRequest {
    /// The time that a key is kept.
    pub(crate) const LIFETIME: Duration = Duration::from_secs(86_400);

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        let end = self.at.saturating_add(Self::LIFETIME);
        end.is_ok_and(|end| end <= now)
    }
}

impl Kind for IdempotencyKeys {
    const NAMES: &'static [&'static str] = &["idempotency_key"];
    type Key = Box<str>;
    type Value = Arc<KeyedRequest>;

    fn parse(kind: &str, name: Option<&str>) -> Result<Box<str>, Invalid> {
        named_freely(kind, name)
    }

    fn entity(name: &Box<str>) -> EntityKey {
        EntityKey::of("idempotency_key", name)
    }

    // The event of the change covers it.
    fn shown(_: &Box<str>, _: Option<&Self::Value>, _: &dyn View) -> Option<Shown> {
        None
    }
}
