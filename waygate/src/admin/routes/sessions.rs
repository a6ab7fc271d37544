//! Logins, without the tokens that programs have.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    model::Action,
    view::{self, Done, TokenScope},
};

use super::tokens::views;
use crate::{
    admin::{
        key::Id,
        responses::{NoCredentials, NotFound, Read, Write},
        state::AdminState,
    },
    auth::{Principal, Token},
    rest::{Filters, Listing, Params, Problem, ProblemKind, Reply, done},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, revoke_all))
        .routes(routes!(revoke))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SessionParams {
    /// The user; by default that of the token. Another one needs the scope `admin` for all services.
    #[param(nullable = false)]
    username: Option<String>,
}

impl Filters for SessionParams {}

/// The logins of a user.
struct Logins {
    user: String,
    /// The user of the application, or Waygate's own. `None` for both, who may have the same name.
    is_external: Option<bool>,
}

impl Logins {
    fn of(principal: &Principal, params: SessionParams) -> Result<Self, Problem> {
        match params.username {
            Some(user) if is_admin(principal) => Ok(Self {
                user,
                is_external: None,
            }),
            Some(other) if other != principal.username => {
                let text = "Logins of another user need the scope `admin`.";
                Err(Problem::new(ProblemKind::InsufficientScope, text))
            }
            _ => Ok(Self::own(principal)),
        }
    }

    fn own(principal: &Principal) -> Self {
        Self {
            user: principal.username.clone(),
            is_external: Some(principal.is_external),
        }
    }

    fn contain(&self, token: &Token) -> bool {
        let record = &token.record;
        let is_kind = |is_external| is_external == record.is_external;
        record.name.is_none()
            && record.username == self.user
            && self.is_external.is_none_or(is_kind)
    }
}

/// Refuses the token of a program, such as one in a browser, which must not end the logins of its user.
fn check_login(state: &AdminState, principal: &Principal) -> Result<(), Problem> {
    let tokens = state.auth.tokens();
    let token = principal.token.and_then(|id| tokens.get(id));
    match token.is_some_and(|token| token.record.name.is_some()) && !is_admin(principal) {
        false => Ok(()),
        true => {
            let text = "The logins of a user need a login, or the scope `admin`.";
            Err(Problem::new(ProblemKind::InsufficientScope, text))
        }
    }
}

fn is_admin(principal: &Principal) -> bool {
    principal.may_everywhere(TokenScope::Admin)
}

/// Lists the logins of a user that have not expired, oldest first.
#[utoipa::path(
    get,
    path = "/api/auth/sessions",
    operation_id = "list_sessions",
    tag = "auth",
    params(SessionParams),
    responses((status = OK, description = "The logins.", body = [view::Token]), Read, NoCredentials),
    security(("token" = [])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Listing { filters, page }: Listing<SessionParams>,
) -> Result<Response, Problem> {
    state.auth.accounts()?;
    check_login(&state, &principal)?;
    let logins = Logins::of(&principal, filters)?;
    let revision = state.waygate.revision();
    let now = state.waygate.inner.clock.now();
    let tokens = state.auth.tokens();
    let logins = tokens
        .iter()
        .filter(|token| logins.contain(token) && token.record.expires_at > now);
    let bodies = views(logins, principal.token);
    Ok(page.of(&bodies, revision))
}

/// Revokes all logins of a user, that of the request included.
#[utoipa::path(
    delete,
    path = "/api/auth/sessions",
    operation_id = "revoke_sessions",
    tag = "auth",
    params(SessionParams),
    responses((status = OK, description = "The logins are revoked.", body = Done), Write, NoCredentials),
    security(("token" = [])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn revoke_all(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Params(params): Params<SessionParams>,
) -> Result<Reply<Done>, Problem> {
    state.auth.accounts()?;
    check_login(&state, &principal)?;
    let logins = Logins::of(&principal, params)?;
    let tokens = state.auth.tokens();
    let found = tokens.iter().filter(|token| logins.contain(token));
    let found = found.map(AsRef::as_ref);
    let revoke = state
        .auth
        .revoke_logins(&logins.user, found, &principal.origin);
    revoke.await?;
    Ok(done())
}

/// Revokes a login of the user, or of any user with the scope `admin`.
#[utoipa::path(
    delete,
    path = "/api/auth/sessions/{id}",
    operation_id = "revoke_session",
    tag = "auth",
    responses(
        (status = OK, description = "The login is revoked.", body = Done),
        Write,
        NotFound,
        NoCredentials
    ),
    security(("token" = [])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn revoke(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Id(id): Id,
) -> Result<Reply<Done>, Problem> {
    state.auth.accounts()?;
    check_login(&state, &principal)?;
    let tokens = state.auth.tokens();
    let own = Logins::own(&principal);
    let login = tokens.iter().find(|token| {
        let is_login = token.record.name.is_none() && token.hash.id().to_string() == id;
        is_login && (own.contain(token) || is_admin(&principal))
    });
    let Some(login) = login else {
        let shown: String = id.chars().take(64).collect();
        let text = format!("There is no login `{shown}`.");
        return Err(Problem::new(ProblemKind::NotFound, text));
    };
    let origin = &principal.origin;
    state
        .auth
        .revoke(login, Action::TokenRevoked, origin)
        .await?;
    Ok(done())
}
