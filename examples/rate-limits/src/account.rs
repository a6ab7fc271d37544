//! The caller, for limits by `user`, `tiers` and `exempt_roles`.

use std::borrow::Cow;

use axum::{extract::Request, middleware::Next, response::Response};
use waygate::Principal;

/// The caller, as known to the application.
#[derive(Debug, Clone)]
pub struct Account {
    name: &'static str,
    plan: &'static str,
    staff: bool,
}

impl Principal for Account {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        Some(self.name.into())
    }

    fn has_role(&self, role: &str) -> bool {
        self.staff && role == "staff"
    }

    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "plan").then_some(self.plan.into())
    }
}

const ACCOUNTS: [Account; 3] = [
    Account {
        name: "ada",
        plan: "free",
        staff: false,
    },
    Account {
        name: "grace",
        plan: "pro",
        staff: false,
    },
    Account {
        name: "linus",
        plan: "free",
        staff: true,
    },
];

/// Stands in for real authentication: it trusts the header `user`.
pub async fn authenticate(mut request: Request, next: Next) -> Response {
    let name = request.headers().get("user").cloned();
    let account = ACCOUNTS
        .into_iter()
        .find(|account| name.as_ref().is_some_and(|name| name == account.name));
    if let Some(account) = account {
        request.extensions_mut().insert(account);
    }
    next.run(request).await
}
