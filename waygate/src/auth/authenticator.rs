use std::{sync::Arc, time::Duration};

use axum::extract::Request;
use http::{HeaderMap, header};
use waygate_core::{
    Printable, Timestamp,
    model::{Action, AuditEntry, Origin},
    port::{Batch, CommitError},
    view::{Platform, Services, TokenScopes},
};

use super::{
    accounts::Accounts,
    bindings::Bindings,
    device_state::DeviceLogins,
    external::{External, Undecided},
    follow::follow,
    last_use::LastUse,
    mode::AuthMode,
    no_credentials::check_origin,
    principal::Principal,
    table::{TokenTable, Tokens},
    throttle::Throttle,
    token::{Token, TokenHash},
    verifier::Verifier,
};
use crate::{
    Waygate,
    rest::{Problem, ProblemKind},
};

/// The header that carries a token.
const TOKEN_HEADER: &str = "x-waygate-token";

/// The error of a request that another site may have made.
const CROSS_SITE: &str = "Without a token, another site may have made the browser send this request: send it from the same \
                          site, and a body with `Content-Type: application/json`.";

/// Authenticates the clients of one admin API.
#[derive(Debug)]
pub(crate) struct Authenticator {
    pub(super) waygate: Waygate,
    mode: AuthMode,
    tokens: TokenTable,
    /// The time without a request after which a login ends.
    idle: Option<Duration>,
    uses: Arc<LastUse>,
    pub(super) devices: DeviceLogins,
    pub(super) bindings: Bindings,
    pub(super) throttle: Arc<Throttle>,
    pub(super) verifier: Verifier,
}

impl Authenticator {
    pub(crate) fn new(waygate: Waygate, mode: AuthMode, idle: Option<Duration>) -> Self {
        let clock = waygate.inner.clock.clone();
        let throttle = match &mode {
            AuthMode::Accounts(users) => Throttle::new(clock, users.current().names()),
            AuthMode::NoCredentials(_) => Throttle::new(clock, []),
        };
        let throttle = Arc::new(throttle);
        if let AuthMode::Accounts(users) = &mode {
            follow(&waygate, users, &throttle);
        }
        Self {
            waygate,
            mode,
            tokens: TokenTable::default(),
            idle,
            uses: Arc::default(),
            devices: DeviceLogins::default(),
            bindings: Bindings::default(),
            throttle,
            verifier: Verifier::default(),
        }
    }

    pub(crate) fn mode(&self) -> &AuthMode {
        &self.mode
    }

    /// The current users.
    ///
    /// # Errors
    /// 501 without credentials.
    pub(crate) fn accounts(&self) -> Result<Arc<Accounts>, Problem> {
        match &self.mode {
            AuthMode::Accounts(users) => Ok(users.current()),
            AuthMode::NoCredentials(_) => Err(Problem::new(
                ProblemKind::NotConfigured,
                "Auth not configured on this server",
            )),
        }
    }

    /// All tokens of the engine's current snapshot, expired ones included.
    pub(crate) fn tokens(&self) -> Arc<Tokens> {
        self.tokens.current(&self.waygate.inner)
    }

    /// Returns the token of a request, if it has a valid one.
    pub(crate) async fn find_token(&self, headers: &HeaderMap) -> Option<Arc<Token>> {
        let hash = TokenHash::of(shown_token(headers)?);
        let token = self.tokens().find(hash)?.clone();
        let token = self.if_valid(token).await?;
        self.note_use(&token);
        Some(token)
    }

    /// Notes that a request had this token.
    pub(crate) fn note_use(&self, token: &Token) {
        self.uses.note(&self.waygate.inner, token);
    }

    /// The last use of a token, as far as this process knows.
    pub(crate) fn last_use(&self, token: &Token) -> Option<Timestamp> {
        self.uses.of(token)
    }

    /// The owner of the token with this id, while it is valid.
    #[cfg(feature = "flags")]
    pub(crate) async fn owner(&self, id: super::token::TokenId) -> Option<Principal> {
        let token = self.tokens().get(id)?.clone();
        let token = self.if_valid(token).await?;
        Some(self.principal(&token))
    }

    /// Returns `true` for a request with a token while the tokens of the store were never read.
    pub(crate) fn may_know(&self, headers: &HeaderMap) -> bool {
        let is_used = matches!(self.mode, AuthMode::Accounts(_));
        is_used && !self.waygate.inner.snapshot.load().is_known && shown_token(headers).is_some()
    }

    /// Returns a token unless it has expired, or was issued for another password.
    pub(crate) async fn if_valid(&self, token: Arc<Token>) -> Option<Arc<Token>> {
        let AuthMode::Accounts(users) = &self.mode else {
            return None;
        };
        let accounts = users.current();
        let record = &token.record;
        let now = self.waygate.inner.clock.now();
        if record.expires_at <= now || self.is_idle(&token) {
            return None;
        }
        let valid = match record.is_external {
            // Waygate may have got a user of this name since.
            true => users.external.is_some() && !accounts.contains(&record.username),
            false => {
                accounts.contains(&record.username) && self.bindings.hold(&accounts, record).await
            }
        };
        valid.then_some(token)
    }

    /// Returns `true` for a login of a person without a request for too long.
    fn is_idle(&self, token: &Token) -> bool {
        let record = &token.record;
        let is_login = record.name.is_none() && record.platform == Platform::Cli;
        let Some(idle) = self.idle.filter(|_| is_login) else {
            return false;
        };
        let last = self.last_use(token).unwrap_or(record.created_at);
        let ends = last.saturating_add(idle).unwrap_or(Timestamp::MAX);
        ends <= self.waygate.inner.clock.now()
    }

    /// The scopes of a token, as far as the current role of its user has them.
    pub(crate) fn scopes(&self, token: &Token) -> TokenScopes {
        let AuthMode::Accounts(users) = &self.mode else {
            return TokenScopes::new();
        };
        // The application has limited them when it issued the token.
        if token.record.is_external {
            return token.record.scopes.clone();
        }
        let users = users.current();
        let rights = users.rights(&token.record.username);
        let allowed = rights.map_or_else(TokenScopes::new, |rights| rights.role.scopes());
        token
            .record
            .scopes
            .intersection(&allowed)
            .copied()
            .collect()
    }

    /// The services of a token, as far as its user has them now.
    fn services(&self, token: &Token) -> Services {
        let given = &token.record.services;
        let AuthMode::Accounts(users) = &self.mode else {
            return Services::only([]);
        };
        if token.record.is_external {
            return given.clone();
        }
        let users = users.current();
        let rights = users.rights(&token.record.username);
        rights.map_or_else(|| Services::only([]), |rights| given.and(&rights.services))
    }

    /// The authentication by the application.
    pub(super) fn external(&self) -> Option<&External> {
        match &self.mode {
            AuthMode::Accounts(users) => users.external.as_ref(),
            AuthMode::NoCredentials(_) => None,
        }
    }

    /// Returns the author of a request without a token, if the application knows it.
    ///
    /// # Errors
    /// 403 for requests of other sites, 503 if the application fails.
    pub(crate) async fn identify(
        &self,
        request: Request,
    ) -> (Request, Result<Option<Principal>, Problem>) {
        let AuthMode::Accounts(users) = &self.mode else {
            return (request, Ok(None));
        };
        let Some(external) = &users.external else {
            return (request, Ok(None));
        };
        let (head, body) = request.into_parts();
        let found = external.identify(&head).await;
        let request = Request::from_parts(head, body);
        let principal = match found {
            Ok(None) => Ok(None),
            // The audit log could not distinguish them.
            Ok(Some(identity)) if users.current().contains(&identity.username) => {
                tracing::warn!(user = %Printable(&identity.username), "the application has named a user of Waygate's own");
                let text = "The application has named a user of Waygate's own, who has to log in.";
                Err(Problem::new(ProblemKind::Refused, text))
            }
            // A browser may have attached what the application has recognized.
            Ok(Some(identity)) => match check_origin(&request) {
                Ok(()) => Ok(Some(identity.into())),
                Err(problem) => Err(Problem::new(problem.kind(), CROSS_SITE)),
            },
            Err(Undecided) => {
                let text = "The application cannot authenticate the request; its log says why.";
                Err(Problem::new(ProblemKind::Unavailable, text).retry_after(5))
            }
        };
        (request, principal)
    }

    /// The owner of a token.
    pub(crate) fn principal(&self, token: &Token) -> Principal {
        Principal::new(token, self.scopes(token), self.services(token))
    }

    /// An audit entry about a user.
    pub(super) fn line(
        &self,
        action: Action,
        origin: &Origin,
        user: &str,
        reason: String,
    ) -> AuditEntry {
        let now = self.waygate.inner.clock.now();
        let mut entry = AuditEntry::new(origin, action, format!("auth:{user}"), now);
        entry.reason = reason;
        entry
    }

    pub(super) async fn write(&self, batch: Batch) -> Result<(), CommitError> {
        self.waygate.inner.write_entities(batch).await.map(drop)
    }
}

/// Reads `X-Waygate-Token`, or, if that is absent or blank, `Authorization: Bearer` (RFC 6750). Cookies are ignored,
/// because browsers attach them to cross-site requests.
fn shown_token(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(TOKEN_HEADER).iter();
    let own = match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().ok()?.trim(),
        (None, _) => "",
        // Two tokens are a mistake or an attack.
        (Some(_), Some(_)) => return None,
    };
    if !own.is_empty() {
        return Some(own);
    }
    let line = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = line.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
