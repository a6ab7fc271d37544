use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    Secret,
    grammar::format_wire,
    model::{Action, Origin},
    view::{Done, Login, Me, Platform},
};

use crate::{
    admin::{
        responses::{NoCredentials, Read, TooManyAttempts, Write, WriteWithoutToken},
        state::AdminState,
    },
    auth::{LoginAttempt, Principal},
    client::ClientAddr,
    rest::{JsonBody, Problem, ProblemKind, Reply, RequestBody, SMALL, done},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
}

/// A user and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    #[schema(nullable = false, required)]
    username: Option<String>,
    #[schema(nullable = false, required, format = Password)]
    password: Option<String>,
    /// `sdk` for a service: the login lasts longer, and can only read. Anything else counts as `cli`.
    #[schema(nullable = false, example = "cli")]
    platform: Option<String>,
}

impl RequestBody for LoginRequest {
    const REQUIRED: bool = true;
    const MAX_BYTES: usize = SMALL;
    const NOT_AN_OBJECT: &'static str = REQUIRED;
}

const REQUIRED: &str = "username and password are required";

/// Exchanges a password for a token.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    operation_id = "login",
    tag = "auth",
    request_body = LoginRequest,
    responses(
        (status = OK, description = "A token.", body = Login),
        Write,
        TooManyAttempts,
        NoCredentials
    ),
    security(())
)]
async fn login(
    State(state): State<Arc<AdminState>>,
    ClientAddr(address): ClientAddr,
    JsonBody(body): JsonBody<LoginRequest>,
) -> Result<Reply<Login>, Problem> {
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
    Ok(Reply::ok(Login {
        token: token.expose().clone(),
        username: record.username,
        expires_at: format_wire(record.expires_at, "+00:00"),
    }))
}

/// Revokes the token of the request. Succeeds without one.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    operation_id = "logout",
    tag = "auth",
    responses((status = OK, description = "The token is revoked.", body = Done), WriteWithoutToken),
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
    Ok(done())
}

/// Shows the owner of the token.
#[utoipa::path(
    get,
    path = "/api/auth/me",
    operation_id = "get_me",
    tag = "auth",
    responses((status = OK, description = "The owner of the token.", body = Me), Read),
    security(("token" = [])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn me(principal: Principal) -> Reply<Me> {
    Reply::ok(Me {
        username: principal.username,
        platform: principal.origin.platform,
        scopes: principal.scopes,
        services: principal.services,
    })
}
