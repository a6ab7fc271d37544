//! The one gate: it stands outside the router, and nothing gets past it that is not on the list.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, header};

use super::{
    Gate, Principal, Scope,
    no_credentials::{self},
    public::{is_public, is_public_path},
    token::{Token, TokenHash},
};
use crate::admin::{
    error::{Kind, Problem},
    policy::{Access, Found},
    query,
    state::AdminState,
};

/// The header that clients show their token in.
const TOKEN_HEADER: &str = "x-waygate-token";

pub(crate) async fn authorize(
    State(state): State<Arc<AdminState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let token = find_token(&state, request.headers()).await;
    match admit(&state, &request, token.as_deref()) {
        Ok(principal) => {
            if let Some(principal) = principal {
                request.extensions_mut().insert(principal);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who makes the request, or why it goes no further. `None` where nobody has to say who they are.
fn admit(
    state: &AdminState,
    request: &Request,
    token: Option<&Token>,
) -> Result<Option<Principal>, Problem> {
    let (method, path) = (request.method(), request.uri().path());
    let principal = match &state.gate {
        Gate::NoCredentials(reach) => {
            no_credentials::check(request, *reach)?;
            Some(Principal::anonymous())
        }
        Gate::Accounts(_) if is_public(method, path) => None,
        Gate::Accounts(_) if token.is_none() && is_public_path(path) => None,
        Gate::Accounts(_) => Some(Principal::from(token.ok_or_else(unauthenticated)?)),
    };
    let operation = match state.policy.look_up(method, path) {
        Found::Operation(operation) => operation,
        Found::OtherMethods(allow) => return Err(method_not_allowed(method, path, allow)),
        Found::Nothing => return Err(Problem::not_found(whole_path(request))),
    };
    match (&principal, operation.access) {
        (None, Access::Public) | (Some(_), Access::Public | Access::AnyToken) => {}
        (Some(known), Access::Scope(scope)) if known.scopes.contains(&scope) => {}
        (Some(_), Access::Scope(scope)) => return Err(insufficient_scope(scope)),
        (None, _) => return Err(unauthenticated()),
    }
    if !operation.takes_query {
        query::ensure_empty(request.uri())?;
    }
    Ok(principal)
}

/// The path as the client asked for it, with the prefix that `nest_service` has cut off.
fn whole_path(request: &Request) -> &str {
    let whole = request.extensions().get::<OriginalUri>();
    whole.map_or(request.uri().path(), |OriginalUri(uri)| uri.path())
}

/// The valid token of a request, if there is one.
pub(crate) async fn find_token(state: &AdminState, headers: &HeaderMap) -> Option<Arc<Token>> {
    let Gate::Accounts(accounts) = &state.gate else {
        return None;
    };
    let hash = TokenHash::of(shown_token(headers)?);
    let tokens = state.tokens.current(&state.waygate.inner);
    let token = tokens.find(hash)?.clone();
    let record = &token.record;
    let valid =
        record.expires_at > state.waygate.inner.clock.now() && accounts.contains(&record.username);
    let valid = valid && state.bindings.hold(accounts, record).await;
    valid.then_some(token)
}

/// `X-Waygate-Token`, or, when that is absent or blank, `Authorization: Bearer` (RFC 6750). A cookie is never looked at,
/// because browsers send cookies without their user's doing.
fn shown_token(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(TOKEN_HEADER).iter();
    let own = match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().ok()?.trim(),
        (None, _) => "",
        // Two tokens are a mistake, or somebody's trick.
        (Some(_), Some(_)) => return None,
    };
    if !own.is_empty() {
        return Some(own);
    }
    let line = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = line.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthenticated() -> Problem {
    let text = "Authentication required. Use POST /api/auth/login to obtain a token.";
    Problem::new(Kind::Unauthenticated, text)
        .detail(
            "Send the token in `X-Waygate-Token` or `Authorization: Bearer`. It may be missing, wrong, expired or revoked.",
        )
        .header(header::WWW_AUTHENTICATE, "Bearer realm=\"waygate\"")
}

fn insufficient_scope(scope: Scope) -> Problem {
    let challenge =
        format!("Bearer realm=\"waygate\", error=\"insufficient_scope\", scope=\"{scope}\"");
    Problem::new(
        Kind::InsufficientScope,
        format!("The token lacks the scope `{scope}`."),
    )
    .header(header::WWW_AUTHENTICATE, challenge)
}

fn method_not_allowed(method: &Method, path: &str, allow: String) -> Problem {
    Problem::new(
        Kind::MethodNotAllowed,
        format!("Method Not Allowed: {method} on {path}; allowed are {allow}."),
    )
    .header(header::ALLOW, allow)
}
