use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    Printable, Secret,
    grammar::format_wire,
    model::{Action, Origin},
    port::Batch,
};

use crate::{
    ClientAddr,
    admin::{
        auth::{
            Busy, Gate, Platform, Principal, Record, Scope, Scopes, check_name, find_token,
            is_known, network_of,
        },
        body::{Ask, Asked, SMALL},
        error::{Kind, Problem},
        issue::{issue, line, not_configured},
        reply::{Done, Reply},
        state::AdminState,
    },
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

impl Ask for LoginRequest {
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
    Asked(asked): Asked<LoginRequest>,
) -> Result<Reply<LoginBody>, Problem> {
    let Gate::Accounts(accounts) = &state.gate else {
        return Err(not_configured());
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let Some((username, password)) = given(asked.username).zip(given(asked.password)) else {
        return Err(Problem::new(Kind::InvalidBody, REQUIRED));
    };
    let platform = Platform::named(asked.platform.as_deref());
    // No account has a name that follows no grammar, and it belongs neither in a log nor in memory.
    let is_name = check_name("user name", &username).is_ok();
    let account = if is_name { username.as_str() } else { "" };
    let network = network_of(address);
    let known = is_known(
        &state.waygate.inner.snapshot.load().records.logins,
        account,
        network,
    );
    let attempt = state.throttle.begin(account, network, known);
    let attempt = attempt.map_err(|wait| {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let text = format!("Too many login attempts. Try again in {seconds} s.");
        Problem::new(Kind::TooManyAttempts, text).retry_after(seconds)
    })?;
    let (hash, exists) = accounts.hash_for(account);
    let Some(hash) = hash.filter(|_| is_name) else {
        return Err(wrong());
    };
    let password = Secret::new(password);
    let check = state
        .verifier
        .verify(attempt.caller, hash.clone(), password);
    let right = match check.await {
        Ok(matches) => matches && exists,
        Err(Busy) => {
            state.throttle.abandoned(attempt);
            let text = "Too many logins at a time. Try again in a second.";
            return Err(Problem::new(Kind::Unavailable, text).retry_after(1));
        }
    };
    let from = address.map(|address| format!("from {address}"));
    let from = from.unwrap_or_default();
    if !right {
        // What is mistyped may be a password, so only names that exist are noted.
        let user = if exists { username.as_str() } else { "?" };
        refuse(&state, user, platform, from).await;
        return Err(wrong());
    }
    state.throttle.succeeded(attempt);
    let created_at = state.waygate.inner.clock.now();
    let lifetime = state.lifetime(platform);
    let record = Record {
        name: None,
        username: username.clone(),
        platform,
        scopes: match platform {
            Platform::Cli => Scope::ALL.into(),
            Platform::Sdk => [Scope::Read].into(),
        },
        created_at,
        expires_at: created_at.saturating_add(lifetime).unwrap_or(created_at),
        binding: None,
    };
    let origin = Origin::new(&username, platform.as_str());
    let network = Some(network);
    let (token, record) = issue(&state, record, Action::Login, &origin, from, network)
        .await
        .map_err(hidden)?;
    Ok(Reply::ok(LoginBody {
        token: token.expose().clone(),
        username,
        expires_at: format_wire(record.expires_at, "+00:00"),
    }))
}

fn wrong() -> Problem {
    Problem::new(Kind::InvalidCredentials, "Invalid credentials")
        .header(http::header::WWW_AUTHENTICATE, "Bearer realm=\"waygate\"")
}

/// What is wrong with the store is not for those who have not logged in.
fn hidden(problem: Problem) -> Problem {
    match problem.kind() {
        Kind::Unavailable => Problem::new(
            problem.kind(),
            "No login can be stored now; the health of the service says why.",
        )
        .retry_after(5),
        kind => Problem::new(kind, "The store takes no writes."),
    }
}

/// Notes a refused login, as far as the audit log may be filled by strangers.
async fn refuse(state: &AdminState, user: &str, platform: Platform, from: String) {
    tracing::warn!(user = ?Printable(user), from = ?Printable(&from), "a login was refused");
    if !state.throttle.may_audit() {
        return;
    }
    let origin = Origin::new("anonymous", platform.as_str());
    let batch = Batch {
        audit: vec![line(state, Action::LoginRefused, &origin, user, from)],
        ..Batch::default()
    };
    if let Err(error) = state.waygate.inner.write_entities(batch).await {
        tracing::warn!(error = %Printable(error), "a refused login could not be written to the audit log");
    }
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
    if let Some(token) = find_token(&state, &headers).await {
        let record = &token.record;
        let origin = Origin::new(record.actor(), record.platform.as_str());
        let user = &record.username;
        let batch = Batch {
            deletes: vec![token.hash.entity()],
            audit: vec![line(&state, Action::Logout, &origin, user, String::new())],
            ..Batch::default()
        };
        state.waygate.inner.write_entities(batch).await?;
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
