//! Tokens of requests, and what they permit.

use std::{fmt, sync::Arc};

use axum::extract::Request;
use http::{HeaderMap, header};
use waygate_core::{grammar::EnvName, port::BoxFuture};

use super::{
    failure::Failure,
    token::{Audience, Digest, DigestId, Token},
};

/// What a client may see.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    /// The digest of the token, or of a fixed text without tokens.
    pub(crate) digest: Digest,
    pub(crate) audience: Audience,
    /// The only environment in which it is valid.
    pub(crate) environment: Option<EnvName>,
}

impl Grant {
    /// The grant of every client of a server without tokens. Its tickets protect nothing.
    pub(crate) fn without_token(audience: Audience) -> Self {
        Self {
            digest: Digest::of("a server without tokens"),
            audience,
            environment: None,
        }
    }

    pub(super) fn is_without_token(&self) -> bool {
        self.digest.is(Self::without_token(self.audience).digest)
    }
}

/// Knows tokens that are not in the configuration: those of the admin API.
pub(crate) trait Authority: fmt::Debug + Send + Sync {
    /// The grant of all requests, if clients have no tokens.
    ///
    /// # Errors
    /// The reason why this request is refused.
    fn without_token(&self, request: &Request) -> Option<Result<Grant, String>>;

    fn find<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Option<Grant>>;

    /// Finds the grant of a valid token by its id.
    fn by_id(&self, id: DigestId) -> BoxFuture<'_, Option<Grant>>;
}

/// Decides who may see which flags.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) open: Option<Audience>,
    pub(super) tokens: Vec<Token>,
    pub(super) authority: Option<Arc<dyn Authority>>,
    /// The environment of this process.
    pub(super) environment: EnvName,
}

/// A request's token, before it is looked up.
#[derive(Debug)]
pub(super) enum Shown {
    Grant(Grant),
    Token(String),
}

impl Access {
    /// The part of [`admit`](Self::admit) that reads the request.
    pub(super) fn shown(&self, request: &Request) -> Result<Shown, Failure> {
        if let Some(grant) = self.without_token(request) {
            return grant.map(Shown::Grant);
        }
        let token = token(request.headers()).ok_or_else(Failure::unauthenticated)?;
        Ok(Shown::Token(token.to_owned()))
    }

    /// Returns the grant of a request.
    ///
    /// # Errors
    /// 401 without a valid token, and 403 for one of another environment.
    pub(super) async fn admit(&self, shown: Shown) -> Result<Grant, Failure> {
        let grant = match shown {
            Shown::Grant(grant) => Some(grant),
            Shown::Token(token) => self.find(&token).await,
        };
        self.check(grant.ok_or_else(Failure::unauthenticated)?)
    }

    /// The grant of a request that needs no token.
    pub(super) fn without_token(&self, request: &Request) -> Option<Result<Grant, Failure>> {
        let authority = self.authority.as_ref();
        let by_authority = authority.and_then(|authority| authority.without_token(request));
        let knows_tokens =
            !self.tokens.is_empty() || (authority.is_some() && by_authority.is_none());
        if knows_tokens && token(request.headers()).is_some() {
            return None;
        }
        if let Some(audience) = self.open {
            return Some(Ok(Grant::without_token(audience)));
        }
        Some(by_authority?.map_err(|problem| Failure::forbidden(&problem)))
    }

    /// Finds the grant of a ticket by the id of its token.
    pub(super) async fn by_id(&self, id: DigestId) -> Option<Grant> {
        let without = self.open.map(Grant::without_token);
        if let Some(grant) = without.filter(|grant| grant.digest.id() == id) {
            return Some(grant);
        }
        if let Some(own) = self.tokens.iter().find(|own| own.digest.id() == id) {
            return Some(own.grant());
        }
        self.authority.as_ref()?.by_id(id).await
    }

    async fn find(&self, token: &str) -> Option<Grant> {
        let digest = Digest::of(token);
        if let Some(own) = self.tokens.iter().find(|own| own.digest.is(digest)) {
            return Some(own.grant());
        }
        self.authority.as_ref()?.find(token).await
    }

    pub(super) fn check(&self, grant: Grant) -> Result<Grant, Failure> {
        match &grant.environment {
            Some(other) if *other != self.environment => {
                let own = &self.environment;
                Err(Failure::forbidden(&format!(
                    "the token is for the environment `{other}`; this process serves `{own}`"
                )))
            }
            _ => Ok(grant),
        }
    }
}

impl Token {
    fn grant(&self) -> Grant {
        Grant {
            digest: self.digest,
            audience: self.audience,
            environment: self.environment.clone(),
        }
    }
}

/// Reads `Authorization: Bearer`, or else `X-API-Key`. Two tokens in one header are a mistake or an attack.
fn token(headers: &HeaderMap) -> Option<&str> {
    let one = |name| {
        let mut lines = headers.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) => line.to_str().ok().map(str::trim),
            _ => None,
        }
    };
    let bearer = one(header::AUTHORIZATION).and_then(|line| {
        let (scheme, token) = line.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let token = bearer.or_else(|| one(API_KEY))?;
    (!token.is_empty()).then_some(token)
}

const API_KEY: http::HeaderName = http::HeaderName::from_static("x-api-key");
