use waygate_core::{
    model::Origin,
    view::{TokenScope, TokenScopes},
};

use super::token::{Token, TokenId};

/// The authenticated author of a request.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) username: String,
    pub(crate) origin: Origin,
    pub(crate) scopes: TokenScopes,
    /// The token of the request; `None` without credentials.
    pub(crate) token: Option<TokenId>,
}

impl Principal {
    /// The author of every request without credentials. Identity headers of the client are ignored.
    pub(crate) fn anonymous() -> Self {
        Self {
            username: "anonymous".to_owned(),
            origin: Origin::new("anonymous", "cli"),
            scopes: TokenScope::ALL.into(),
            token: None,
        }
    }
}

impl Principal {
    /// The owner of a token, with the scopes that it has now.
    pub(super) fn new(token: &Token, scopes: TokenScopes) -> Self {
        let record = &token.record;
        Self {
            username: record.username.clone(),
            origin: Origin::new(record.actor(), record.platform.as_str()),
            scopes,
            token: Some(token.hash.id()),
        }
    }
}
