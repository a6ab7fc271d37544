use waygate_core::{
    model::Origin,
    view::{TokenScope, TokenScopes},
};

use super::{
    external::Identity,
    token::{Token, TokenId},
};

/// The authenticated author of a request.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) username: String,
    pub(crate) origin: Origin,
    pub(crate) scopes: TokenScopes,
    /// `true` if the application has authenticated the user.
    pub(crate) is_external: bool,
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
            is_external: false,
            token: None,
        }
    }
}

impl From<Identity> for Principal {
    fn from(Identity { username, role }: Identity) -> Self {
        Self {
            origin: Origin::new(&username, "cli"),
            username,
            scopes: role.scopes(),
            is_external: true,
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
            is_external: record.is_external,
            token: Some(token.hash.id()),
        }
    }
}
