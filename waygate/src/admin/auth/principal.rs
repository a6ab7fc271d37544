use waygate_core::model::Origin;

use super::{
    scope::{Scope, Scopes},
    token::{Token, TokenId},
};

/// Who makes a request, as far as the server has made sure of it.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) username: String,
    pub(crate) origin: Origin,
    pub(crate) scopes: Scopes,
    /// The token that was shown; `None` where there are no credentials.
    pub(crate) token: Option<TokenId>,
}

impl Principal {
    /// Whoever there is when there are no credentials. What the client says about itself is not believed.
    pub(crate) fn anonymous() -> Self {
        Self {
            username: "anonymous".to_owned(),
            origin: Origin::new("anonymous", "cli"),
            scopes: Scope::ALL.into(),
            token: None,
        }
    }
}

impl From<&Token> for Principal {
    fn from(token: &Token) -> Self {
        let record = &token.record;
        Self {
            username: record.username.clone(),
            origin: Origin::new(record.actor(), record.platform.as_str()),
            scopes: record.scopes.clone(),
            token: Some(token.hash.id()),
        }
    }
}
