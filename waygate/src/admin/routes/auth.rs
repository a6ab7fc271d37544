use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    Secret,
    grammar::format_wire,
    model::{Action, Origin},
};

use crate::{
    ClientAddr,
    admin::state::AdminState,
    auth::{LoginAttempt, Platform, Principal, Scope, Scopes},
    rest::{Done, JsonBody, Problem, ProblemKind, Reply, RequestBody, SMALL},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
}

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    #[schema(nullable = false, required)]
    username: Option<String>,
    #[schema(nullable = false, required, format = Password)]
    password: Option<String>,
    /// `sdk` for a service: a login that lasts longer, and can only read. Anything else counts as `cli`.
    #[schema(nullable = false, example = "cli")]
    platform: Option<String>,
}

impl RequestBody for LoginRequest {
    const REQUIRED: bool = true;
    const MAX_BYTES: usize = SMALL;
    const NOT_AN_OBJECT: &'static str = REQUIRED;
}

const REQUIRED: &str = "username and password are required";

/// A token, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = Login)]
struct LoginBody {
    #[schema(format = Password)]
    token: String,
    username: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Exchanges a password for a token.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    operation_id = "login",
    tag = "auth",
    request_body = LoginRequest,
    responses((status = OK, description = "A token.", body = LoginBody)),
    security(())
)]
async fn login(
    State(state): State<Arc<AdminState>>,
    ClientAddr(address): ClientAddr,
    JsonBody(body): JsonBody<LoginRequest>,
) -> Result<Reply<LoginBody>, Problem> {
    state.auth.accounts()?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let Some((username, password)) = given(body.username).zip(given(body.password)) else {
        return Err(Problem::new(ProblemKind::InvalidBody, REQUIRED));
    };
    let platform = Platform::named(body.platform.as_deref());
    let attempt = LoginAttempt {
        username,
        password: Secret::new(password),
        platform,
        address,
        lifetime: state.lifetime(platform),
    };
    let (token, record) = state.auth.log_in(attempt).await?;
    Ok(Reply::ok(LoginBody {
        token: token.expose().clone(),
        username: record.username,
        expires_at: format_wire(record.expires_at, "+00:00"),
    }))
}

/// Revokes the token that is shown. Without one there is nothing to do.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    operation_id = "logout",
    tag = "auth",
    responses((status = OK, description = "The token is not valid any more.", body = Done)),
    security(())
)]
async fn logout(
    State(state): State<Arc<AdminState>>,
    headers: HeaderMap,
) -> Result<Reply<Done>, Problem> {
    if let Some(token) = state.auth.find_token(&headers).await {
        let record = &token.record;
        let origin = Origin::new(record.actor(), record.platform.as_str());
        state.auth.revoke(&token, Action::Logout, &origin).await?;
    }
    Ok(Reply::ok(Done::new()))
}

/// Who a token belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Me)]
struct MeBody {
    username: String,
    platform: String,
    #[schema(value_type = Vec<Scope>)]
    scopes: Scopes,
}

/// Tells who the token belongs to.
#[utoipa::path(
    get,
    path = "/api/auth/me",
    operation_id = "get_me",
    tag = "auth",
    responses((status = OK, description = "Who the token belongs to.", body = MeBody)),
    security(("token" = []))
)]
async fn me(principal: Principal) -> Reply<MeBody> {
    Reply::ok(MeBody {
        username: principal.username,
        platform: principal.origin.platform,
        scopes: principal.scopes,
    })
}
