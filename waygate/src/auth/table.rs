use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use serde::Deserialize;
use waygate_core::{Printable, StrictJson, Timestamp, port::EntityKey};

use super::token::{Record, Token, TokenHash, TokenId};
use crate::engine::{Collection, Inner, Kind, Opaque, Tokens as Stored, Versioned};

/// All tokens of one snapshot, by id.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    by_id: HashMap<TokenId, Arc<Token>>,
    source: Collection<Stored>,
}

impl Tokens {
    /// The token of this id, expired or not.
    pub(crate) fn get(&self, id: TokenId) -> Option<&Arc<Token>> {
        self.by_id.get(&id)
    }

    /// The token of this id, as it is written. Expired or not.
    pub(crate) fn by_name(&self, id: &str) -> Option<Arc<Token>> {
        let mut tokens = self.iter();
        let found = tokens.find(|token| token.hash.id().to_string() == id);
        found.cloned()
    }

    /// The token with this hash.
    pub(crate) fn find(&self, hash: TokenHash) -> Option<&Arc<Token>> {
        self.get(hash.id()).filter(|token| token.hash.is(hash))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.by_id.values()
    }

    /// The records of expired tokens.
    pub(crate) fn expired(&self, now: Timestamp) -> Vec<EntityKey> {
        self.iter()
            .filter(|token| token.record.expires_at <= now)
            .map(|token| token.hash.entity())
            .collect()
    }

    fn compile(source: &Collection<Stored>, last: &Self) -> Self {
        let tokens = source.iter().filter_map(|(name, entity)| {
            let hash = TokenHash::in_key(&Stored::entity(name))?;
            let known = last.find(hash);
            match known.filter(|token| token.revision == entity.revision) {
                Some(known) => Some(known.clone()),
                None => read(hash, entity).map(Arc::new),
            }
        });
        Self {
            by_id: tokens.map(|token| (token.hash.id(), token)).collect(),
            source: source.clone(),
        }
    }
}

/// An unreadable record is not accepted as a token.
pub(super) fn read(hash: TokenHash, entity: &Versioned<Opaque>) -> Option<Token> {
    match Record::deserialize(StrictJson((&entity.value).into())) {
        Ok(record) => Some(Token {
            hash,
            record,
            revision: entity.revision,
        }),
        Err(error) => {
            tracing::warn!(token = %hash.id(), error = %Printable(error), "a stored token cannot be read; it is refused");
            None
        }
    }
}

/// The tokens of the engine's current snapshot, read without I/O and without waiting.
#[derive(Debug, Default)]
pub(crate) struct TokenTable {
    compiled: ArcSwap<Tokens>,
}

impl TokenTable {
    /// The current tokens. A revoked token is gone immediately.
    pub(crate) fn current(&self, engine: &Inner) -> Arc<Tokens> {
        let snapshot = engine.snapshot.load();
        let compiled = self.compiled.load_full();
        if compiled.source.is(&snapshot.records.tokens) {
            return compiled;
        }
        let compiled = Arc::new(Tokens::compile(&snapshot.records.tokens, &compiled));
        self.compiled.store(compiled.clone());
        compiled
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_record_without_field_names_is_no_token() {
        let times = ("2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z");
        let token = |value: Value| {
            let revision = 1;
            read(
                TokenHash::of("wg_x"),
                &Versioned {
                    revision,
                    value: value.into(),
                },
            )
        };
        let named = json!({
            "name": "deploy", "username": "admin", "platform": "sdk", "scopes": ["read"],
            "created_at": times.0, "expires_at": times.1,
        });
        assert!(token(named).is_some());
        let bare = json!(["deploy", "admin", "sdk", ["read"], times.0, times.1, null]);
        assert!(token(bare).is_none());
    }
}
