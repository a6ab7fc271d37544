use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{grammar::format_wire, model::Action};

use crate::{
    admin::{key::Id, state::AdminState},
    auth::{Platform, Principal, Record, Scope, Scopes, Token, TokenHash, TokenId, check_name},
    rest::{Done, JsonBody, Problem, ProblemKind, Reply, RequestBody, SMALL, list_response},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
}

/// A token, without what makes it one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenBody {
    #[schema(example = "9f86d081884c7d65")]
    id: String,
    /// What it is for; `null` for a login.
    #[schema(required)]
    name: Option<String>,
    /// Whose it is.
    username: String,
    platform: Platform,
    #[schema(value_type = Vec<Scope>)]
    scopes: Scopes,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// Whether it is the one that this request was made with.
    current: bool,
}

impl TokenBody {
    fn new(id: TokenId, record: &Record, shown: Option<TokenId>) -> Self {
        Self {
            id: id.to_string(),
            name: record.name.clone(),
            username: record.username.clone(),
            platform: record.platform,
            scopes: record.scopes.clone(),
            created_at: format_wire(record.created_at, "Z"),
            expires_at: format_wire(record.expires_at, "Z"),
            current: shown == Some(id),
        }
    }
}

/// Lists the tokens of all users that have not run out, logins included, oldest first. Those that were given out for
/// another password than the user has now are among them, and open nothing.
#[utoipa::path(
    get,
    path = "/api/auth/tokens",
    operation_id = "list_tokens",
    tag = "auth",
    responses((status = OK, description = "The tokens.", body = [TokenBody])),
    security(("token" = ["admin"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    state.auth.accounts()?;
    let revision = state.waygate.revision();
    let now = state.waygate.inner.clock.now();
    let tokens = state.auth.tokens();
    let mut tokens: Vec<&Arc<Token>> = tokens
        .iter()
        .filter(|token| token.record.expires_at > now)
        .collect();
    tokens.sort_by_key(|token| (token.revision, token.hash.to_string()));
    let bodies = tokens
        .into_iter()
        .map(|token| TokenBody::new(token.hash.id(), &token.record, principal.token));
    let bodies: Vec<TokenBody> = bodies.collect();
    Ok(list_response(&bodies, revision, &headers))
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateTokenRequest {
    /// What it is for, in 1 to 128 characters without `/`. The audit log names it.
    #[schema(example = "deploy", max_length = 128)]
    name: String,
    /// What it may be used for; nothing that the token of this request may not.
    #[schema(value_type = Vec<Scope>, example = json!(["read", "write:routes"]))]
    scopes: Scopes,
    /// How long it lasts: a minute to a year.
    #[schema(minimum = 60, maximum = 31536000)]
    expires_in_seconds: u64,
}

impl RequestBody for CreateTokenRequest {
    const REQUIRED: bool = true;
    const MAX_BYTES: usize = SMALL;
}

const SHORTEST: u64 = 60;
const LONGEST: u64 = 31_536_000;

/// A new token, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewToken)]
struct CreatedBody {
    #[schema(format = Password)]
    token: String,
    #[serde(flatten)]
    about: TokenBody,
}

/// Makes a token for a program.
#[utoipa::path(
    post,
    path = "/api/auth/tokens",
    operation_id = "create_token",
    tag = "auth",
    request_body = CreateTokenRequest,
    responses((status = CREATED, description = "The token.", body = CreatedBody)),
    security(("token" = ["admin"]))
)]
async fn create(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    JsonBody(body): JsonBody<CreateTokenRequest>,
) -> Result<Reply<CreatedBody>, Problem> {
    state.auth.accounts()?;
    check_name("token name", &body.name)?;
    let invalid = |text: String| Err(Problem::new(ProblemKind::InvalidBody, text));
    if body.scopes.is_empty() {
        return invalid("scopes: give at least one".to_owned());
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
        created_at,
        expires_at: created_at.saturating_add(lifetime).unwrap_or(created_at),
        binding: None,
    };
    let (token, record) = state.auth.create(record, &principal.origin).await?;
    let id = TokenHash::of(token.expose()).id();
    Ok(Reply::created(CreatedBody {
        token: token.expose().clone(),
        about: TokenBody::new(id, &record, principal.token),
    }))
}

/// Revokes a token, at once.
#[utoipa::path(
    delete,
    path = "/api/auth/tokens/{id}",
    operation_id = "revoke_token",
    tag = "auth",
    params(("id" = String, Path)),
    responses((status = OK, description = "The token is not valid any more.", body = Done)),
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
    Ok(Reply::ok(Done::new()))
}
