//! The caller, as the context of flags.

use axum::{extract::Request, middleware::Next, response::Response};
use waygate::FlagContext;

/// The caller, as known to the application.
#[derive(Debug, Clone, FlagContext)]
pub struct User {
    #[flag(key)]
    name: String,
    #[flag(attribute)]
    plan: String,
}

/// Stands in for real authentication: it trusts the headers `user` and `plan`.
pub async fn authenticate(mut request: Request, next: Next) -> Response {
    if let Some(name) = header(&request, "user") {
        let plan = header(&request, "plan").unwrap_or_else(|| "free".to_owned());
        request.extensions_mut().insert(User { name, plan });
    }
    next.run(request).await
}

fn header(request: &Request, name: &str) -> Option<String> {
    let value = request.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}
