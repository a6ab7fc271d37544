//! The OFREP server of an admin API, which accepts the tokens of the latter.

use std::sync::Arc;

use axum::extract::Request;
use waygate_core::{port::BoxFuture, view::TokenScope};

use super::{config::Admin, state::AdminState};
use crate::{
    auth::{AuthMode, Token, TokenHash, TokenId, check_without_credentials},
    ofrep::{Audience, Authority, Digest, DigestId, Grant, Ofrep},
    rest::Problem,
};

impl Admin {
    /// Serves flags by the OpenFeature Remote Evaluation Protocol below the prefix of the admin API: with the prefix
    /// `/waygate`, the base URL of providers ends with `/waygate`.
    ///
    /// Tokens of the admin API are accepted besides those of `ofrep`: with the scope `evaluate` or `read` for all flags,
    /// with `evaluate:client` alone for flags that are visible to clients; tokens that are limited to services are not.
    /// [Without
    /// credentials](crate::admin::Credentials::none), clients that may administer see all flags.
    ///
    /// ```
    /// use waygate::{admin::{Admin, Credentials}, ofrep::Ofrep};
    ///
    /// let admin = Admin::new(Credentials::new("admin", "correct horse battery staple"))
    ///     .ofrep(Ofrep::new().allow_origin("https://shop.example")?);
    /// # Ok::<(), waygate::ofrep::InvalidOption>(())
    /// ```
    pub fn ofrep(mut self, ofrep: Ofrep) -> Self {
        self.ofrep = Some(ofrep);
        self
    }
}

/// The tokens of an admin API.
#[derive(Debug)]
pub(super) struct AdminTokens(pub(super) Arc<AdminState>);

impl Authority for AdminTokens {
    fn without_token(&self, request: &Request) -> Option<Result<Grant, String>> {
        let AuthMode::NoCredentials(reach) = self.0.auth.mode() else {
            return None;
        };
        let checked = check_without_credentials(request, *reach);
        let grant = checked.map(|()| Grant::without_token(Audience::Server));
        Some(grant.map_err(Problem::into_detail))
    }

    fn find<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Option<Grant>> {
        Box::pin(async move {
            let found = self.0.auth.tokens().find(TokenHash::of(token))?.clone();
            let grant = self.grant(found.clone()).await?;
            self.0.auth.note_use(&found);
            Some(grant)
        })
    }

    fn by_id(&self, id: DigestId) -> BoxFuture<'_, Option<Grant>> {
        Box::pin(async move {
            if let AuthMode::NoCredentials(_) = self.0.auth.mode() {
                let grant = Grant::without_token(Audience::Server);
                return (grant.digest.id() == id).then_some(grant);
            }
            let found = self.0.auth.tokens().get(TokenId::new(id))?.clone();
            self.grant(found).await
        })
    }
}

impl AdminTokens {
    async fn grant(&self, token: Arc<Token>) -> Option<Grant> {
        let token = self.0.auth.if_valid(token).await?;
        let owner = self.0.auth.principal(&token);
        // Flags belong to no service.
        let scopes = Some(owner.scopes).filter(|_| owner.services.are_all())?;
        let sees_all = [TokenScope::Read, TokenScope::Evaluate];
        let audience = if sees_all.iter().any(|scope| scopes.contains(scope)) {
            Audience::Server
        } else if scopes.contains(&TokenScope::EvaluateClient) {
            Audience::Client
        } else {
            return None;
        };
        Some(Grant {
            digest: Digest::new(token.hash.bytes()),
            audience,
            environment: None,
        })
    }
}
