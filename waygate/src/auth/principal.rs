use waygate_core::{
    model::Origin,
    view::{Services, TokenScope, TokenScopes},
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
    pub(crate) services: Services,
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
            services: Services::ALL,
            is_external: false,
            token: None,
        }
    }
}

impl From<Identity> for Principal {
    fn from(Identity { username, rights }: Identity) -> Self {
        Self {
            origin: Origin::new(&username, "cli"),
            username,
            scopes: rights.role.scopes(),
            services: rights.services,
            is_external: true,
            token: None,
        }
    }
}

impl Principal {
    /// Returns `true` with this scope for all services.
    pub(crate) fn may_everywhere(&self, scope: TokenScope) -> bool {
        self.scopes.contains(&scope) && self.services.are_all()
    }

    /// The owner of a token, with the scopes and services that it has now.
    pub(super) fn new(token: &Token, scopes: TokenScopes, services: Services) -> Self {
        let record = &token.record;
        Self {
            username: record.username.clone(),
            origin: Origin::new(record.actor(), record.platform.as_str()),
            scopes,
            services,
            is_external: record.is_external,
            token: Some(token.hash.id()),
        }
    }
}
