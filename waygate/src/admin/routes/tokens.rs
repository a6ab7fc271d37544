use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    model::Action,
    view::{self, Done, NewToken, Platform, Services, TokenScope, TokenScopes},
};

use crate::{
    admin::{
        key::Id,
        responses::{NoCredentials, NotFound, Read, TooManyTokens, Write},
        state::AdminState,
    },
    auth::{Principal, Record, Token, TokenHash, TokenId, check_name},
    rest::{
        Filters, JsonBody, Listing, Problem, ProblemKind, Reply, RequestBody, SMALL, Search, done,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
}

pub(super) fn view(id: TokenId, record: &Record, shown: Option<TokenId>) -> view::Token {
    view::Token {
        id: id.to_string(),
        name: record.name.clone(),
        username: record.username.clone(),
        platform: record.platform,
        scopes: record.scopes.clone(),
        services: record.services.clone(),
        created_at: record.created_at,
        expires_at: record.expires_at,
        last_used_at: record.last_used_at,
        current: shown == Some(id),
    }
}

/// Filters of tokens.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TokenParams {
    /// Only tokens of this user.
    #[param(nullable = false)]
    username: Option<String>,
    /// Only tokens of this platform.
    #[param(nullable = false)]
    platform: Option<Platform>,
    /// Only tokens with this scope.
    #[param(nullable = false)]
    scope: Option<TokenScope>,
    /// Only tokens with this string in their names, regardless of case: 1 to 200 characters. Logins have no names.
    #[param(nullable = false, value_type = Option<String>)]
    search: Option<Search>,
}

impl Filters for TokenParams {}

impl TokenParams {
    fn selects(&self, record: &Record) -> bool {
        self.username
            .as_ref()
            .is_none_or(|name| *name == record.username)
            && self
                .platform
                .is_none_or(|platform| platform == record.platform)
            && self
                .scope
                .is_none_or(|scope| record.scopes.contains(&scope))
            && self
                .search
                .as_ref()
                .is_none_or(|search| search.finds(record.name.as_deref()))
    }
}

/// Lists the tokens of all users that have not expired, logins included, oldest first. This includes tokens issued for
/// a previous password, which are no longer accepted.
#[utoipa::path(
    get,
    path = "/api/auth/tokens",
    operation_id = "list_tokens",
    tag = "auth",
    params(TokenParams),
    responses((status = OK, description = "The tokens.", body = [view::Token]), Read, NoCredentials),
    security(("token" = ["admin"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Listing { filters, page }: Listing<TokenParams>,
) -> Result<Response, Problem> {
    state.auth.accounts()?;
    let revision = state.waygate.revision();
    let now = state.waygate.inner.clock.now();
    let tokens = state.auth.tokens();
    let current = tokens
        .iter()
        .filter(|token| token.record.expires_at > now && filters.selects(&token.record));
    let bodies = views(current, principal.token);
    Ok(page.of(&bodies, revision))
}

/// The views of tokens, oldest first.
pub(super) fn views<'a>(
    tokens: impl Iterator<Item = &'a Arc<Token>>,
    shown: Option<TokenId>,
) -> Vec<view::Token> {
    let mut tokens: Vec<&Arc<Token>> = tokens.collect();
    tokens.sort_by_key(|token| (token.revision, token.hash.to_string()));
    let views = tokens
        .into_iter()
        .map(|token| view(token.hash.id(), &token.record, shown));
    views.collect()
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateTokenRequest {
    /// The purpose: 1 to 128 characters without `/`, shown in the audit log.
    #[schema(example = "deploy", max_length = 128)]
    name: String,
    /// The scopes: a subset of those of the token of this request.
    #[schema(value_type = Vec<TokenScope>, example = json!(["read", "write:routes"]))]
    scopes: TokenScopes,
    /// The services that the token is limited to. Default: no limit.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, example = json!(["billing"]))]
    services: Services,
    /// The lifetime, from one minute to one year.
    #[schema(minimum = 60, maximum = 31536000)]
    expires_in_seconds: u64,
}

impl RequestBody for CreateTokenRequest {
    const REQUIRED: bool = true;
    const MAX_BYTES: usize = SMALL;
}

const SHORTEST: u64 = 60;
const LONGEST: u64 = 31_536_000;

/// Creates a token for a program.
#[utoipa::path(
    post,
    path = "/api/auth/tokens",
    operation_id = "create_token",
    tag = "auth",
    request_body = CreateTokenRequest,
    responses(
        (status = CREATED, description = "The token.", body = NewToken),
        Write,
        TooManyTokens,
        NoCredentials
    ),
    security(("token" = ["admin"]))
)]
async fn create(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    JsonBody(body): JsonBody<CreateTokenRequest>,
) -> Result<Reply<NewToken>, Problem> {
    state.auth.accounts()?;
    check_name("token name", &body.name)?;
    let invalid = |text: String| Err(Problem::new(ProblemKind::InvalidBody, text));
    if body.scopes.is_empty() {
        return invalid("scopes: give at least one".to_owned());
    }
    if body.services.names().is_some_and(BTreeSet::is_empty) {
        return invalid("services: give at least one, or leave the field out".to_owned());
    }
    if !(SHORTEST..=LONGEST).contains(&body.expires_in_seconds) {
        return invalid(format!(
            "expires_in_seconds: expected {SHORTEST} to {LONGEST}"
        ));
    }
    if let Some(scope) = body.scopes.difference(&principal.scopes).next() {
        let text = format!("A token cannot give the scope `{scope}`, which it lacks itself.");
        return Err(Problem::new(ProblemKind::InsufficientScope, text));
    }
    let created_at = state.waygate.inner.clock.now();
    let lifetime = Duration::from_secs(body.expires_in_seconds);
    let record = Record {
        name: Some(body.name),
        username: principal.username,
        platform: Platform::Cli,
        scopes: body.scopes,
        services: body.services.and(&principal.services),
        created_at,
        expires_at: created_at.saturating_add(lifetime).unwrap_or(created_at),
        is_external: principal.is_external,
        last_used_at: None,
        binding: None,
    };
    let (token, record) = state.auth.create(record, &principal.origin).await?;
    let id = TokenHash::of(token.expose()).id();
    Ok(Reply::ok(NewToken {
        token: token.expose().clone(),
        about: view(id, &record, principal.token),
    })
    .created())
}

/// Revokes a token, immediately.
#[utoipa::path(
    delete,
    path = "/api/auth/tokens/{id}",
    operation_id = "revoke_token",
    tag = "auth",
    responses(
        (status = OK, description = "The token is revoked.", body = Done),
        Write,
        NotFound,
        NoCredentials
    ),
    security(("token" = ["admin"]))
)]
async fn revoke(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Id(id): Id,
) -> Result<Reply<Done>, Problem> {
    state.auth.accounts()?;
    let tokens = state.auth.tokens();
    let Some(token) = tokens
        .iter()
        .find(|token| token.hash.id().to_string() == id)
    else {
        let shown: String = id.chars().take(64).collect();
        let text = format!("There is no token `{shown}`.");
        return Err(Problem::new(ProblemKind::NotFound, text));
    };
    let revoke = state
        .auth
        .revoke(token, Action::TokenRevoked, &principal.origin);
    revoke.await?;
    Ok(done())
}
