//! The gate in front of the router. It lets through only what the document describes.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Method, header};
use waygate_core::view::TokenScope;

use super::{
    dry_run,
    policy::{Access, Found, Operation},
    probes::is_probe,
    reach::Reach,
    state::AdminState,
    within::needs_all,
};
use crate::{
    auth::{AuthMode, Principal, check_without_credentials},
    engine::caller_trace,
    rest::{Problem, ProblemKind, TrustedClient, ensure_empty, take_flag, without_body},
};

/// The operations without a token, besides probes: exactly these methods on exactly these paths, which have no parameters.
const PUBLIC: [(Method, &str); 4] = [
    (Method::POST, "/api/auth/login"),
    (Method::POST, "/api/auth/logout"),
    (Method::POST, "/api/auth/device"),
    (Method::POST, "/api/auth/device/token"),
];

pub(super) async fn authorize(
    State(state): State<Arc<AdminState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_probe = is_probe(request.method(), request.uri().path());
    let token = match is_probe {
        true => None,
        false => state.auth.find_token(request.headers()).await,
    };
    // A client with a valid token may not return after 401.
    if token.is_none() && !is_probe && state.auth.may_know(request.headers()) {
        let error =
            "this process has not read its tokens yet, as it has not reached its store; try again";
        return Problem::new(ProblemKind::Unavailable, error)
            .retry_after(1)
            .into_response();
    }
    let known = token.map(|token| state.auth.principal(&token));
    let known = match known {
        // A login must not depend on the application.
        None if !is_probe && !is_public(request.method(), request.uri().path()) => {
            let (unchanged, found) = state.auth.identify(request).await;
            request = unchanged;
            match found {
                Ok(found) => found,
                Err(problem) => return problem.into_response(),
            }
        }
        known => known,
    };
    match admit(&state, &request, known) {
        Ok((principal, operation)) => {
            request.extensions_mut().insert(operation.reach);
            if let Some(mut principal) = principal {
                principal.origin.traceparent = caller_trace(request.headers());
                request.extensions_mut().insert(principal);
                request.extensions_mut().insert(TrustedClient);
            }
            let uri = request.uri_mut();
            let is_dry_run = match operation.has_dry_run {
                true => take_flag(uri, "dry_run"),
                false => Ok(false),
            };
            let is_dry_run = is_dry_run.and_then(|is_dry_run| match operation.takes_query {
                true => Ok(is_dry_run),
                false => ensure_empty(uri).map(|()| is_dry_run),
            });
            let is_dry_run = match is_dry_run {
                Ok(is_dry_run) => is_dry_run,
                Err(problem) => return problem.into_response(),
            };
            if let Some(error) = operation.no_body {
                request = match without_body(request, &state.readers).await {
                    Some(request) => request,
                    None => return Problem::new(ProblemKind::InvalidBody, &*error).into_response(),
                };
            }
            match is_dry_run {
                true => dry_run::run(&state, request, next).await,
                false => next.run(request).await,
            }
        }
        Err(problem) => problem.into_response(),
    }
}

fn is_public(method: &Method, path: &str) -> bool {
    PUBLIC
        .iter()
        .any(|(public, exact)| public == method && *exact == path)
}

/// Checks a request for an operation. Returns `None` for the principal of a public one.
fn admit(
    state: &AdminState,
    request: &Request,
    known: Option<Principal>,
) -> Result<(Option<Principal>, Operation), Problem> {
    let (method, path) = (request.method(), request.uri().path());
    // A public path may reveal its other methods.
    let is_public_path = |(_, exact): &(Method, &str)| *exact == path;
    let principal = match state.auth.mode() {
        // An orchestrator has no token, and is on another machine.
        _ if is_probe(method, path) => None,
        AuthMode::NoCredentials(reach) => {
            check_without_credentials(request, *reach)?;
            Some(Principal::anonymous())
        }
        AuthMode::Accounts(_) if is_public(method, path) => None,
        AuthMode::Accounts(_) if known.is_none() && PUBLIC.iter().any(is_public_path) => None,
        AuthMode::Accounts(_) => Some(known.ok_or_else(unauthenticated)?),
    };
    let operation = match state.policy.look_up(method, path) {
        Found::Operation(operation) => operation,
        Found::OtherMethods(allow) => return Err(method_not_allowed(method, path, allow)),
        Found::Nothing => {
            let meant = state.policy.meant(path);
            let problem = Problem::not_found(whole_path(request), meant);
            #[cfg(feature = "flags")]
            if let Some(reason) = state.off(path) {
                return Err(problem.detail(reason));
            }
            return Err(problem);
        }
    };
    match (&principal, operation.access) {
        (None, Access::Public) | (Some(_), Access::Public | Access::AnyToken) => {}
        (Some(known), Access::Scope(scope)) if known.scopes.contains(&scope) => {}
        (Some(_), Access::Scope(scope)) => return Err(insufficient_scope(scope)),
        (None, _) => return Err(unauthenticated()),
    }
    if operation.reach == Reach::All
        && principal
            .as_ref()
            .is_some_and(|known| !known.services.are_all())
    {
        return Err(needs_all());
    }
    Ok((principal, operation))
}

/// The path that the client requested, with the prefix that `nest_service` strips.
fn whole_path(request: &Request) -> &str {
    let whole = request.extensions().get::<OriginalUri>();
    whole.map_or(request.uri().path(), |OriginalUri(uri)| uri.path())
}

fn unauthenticated() -> Problem {
    let text = "Authentication required. Use POST /api/auth/login to obtain a token.";
    Problem::new(ProblemKind::Unauthenticated, text)
        .detail(
            "Send the token in `X-Waygate-Token` or `Authorization: Bearer`. It may be missing, wrong, expired or revoked.",
        )
        .header(header::WWW_AUTHENTICATE, "Bearer realm=\"waygate\"")
}

fn insufficient_scope(scope: TokenScope) -> Problem {
    let challenge =
        format!("Bearer realm=\"waygate\", error=\"insufficient_scope\", scope=\"{scope}\"");
    Problem::new(
        ProblemKind::InsufficientScope,
        format!("The token lacks the scope `{scope}`."),
    )
    .header(header::WWW_AUTHENTICATE, challenge)
}

fn method_not_allowed(method: &Method, path: &str, allow: String) -> Problem {
    Problem::new(
        ProblemKind::MethodNotAllowed,
        format!("Method Not Allowed: {method} on {path}; allowed are {allow}."),
    )
    .header(header::ALLOW, allow)
}
