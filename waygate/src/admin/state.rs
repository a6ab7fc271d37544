use std::{sync::Arc, time::Duration};

use axum::{body::Bytes, extract::FromRef};

use super::{
    Admin,
    auth::{Bindings, Gate, Platform, Throttle, TokenTable, Verifier},
    policy::Policy,
    readers::Readers,
};
use crate::Waygate;

/// What all requests to one admin interface share.
#[derive(Debug)]
pub(crate) struct AdminState {
    pub(crate) waygate: Waygate,
    pub(crate) gate: Gate,
    pub(crate) tokens: TokenTable,
    pub(crate) bindings: Bindings,
    pub(crate) throttle: Throttle,
    pub(crate) verifier: Verifier,
    pub(crate) readers: Readers,
    pub(crate) policy: Policy,
    /// The interface's own OpenAPI document, rendered.
    pub(crate) document: Bytes,
    pub(crate) require_if_match: bool,
    login_lifetime: Duration,
    sdk_lifetime: Duration,
}

impl AdminState {
    pub(super) fn new(waygate: Waygate, admin: Admin, document: &serde_json::Value) -> Self {
        let clock = waygate.inner.clock.clone();
        let throttle = match &admin.gate {
            Gate::Accounts(accounts) => Throttle::new(clock, accounts.names()),
            Gate::NoCredentials(_) => Throttle::new(clock, []),
        };
        Self {
            waygate,
            gate: admin.gate,
            tokens: TokenTable::default(),
            bindings: Bindings::default(),
            throttle,
            verifier: Verifier::default(),
            readers: Readers::default(),
            policy: Policy::read(document),
            document: document.to_string().into(),
            require_if_match: admin.require_if_match,
            login_lifetime: admin.login_lifetime,
            sdk_lifetime: admin.sdk_lifetime,
        }
    }

    /// How long the login of a platform lasts.
    pub(crate) fn lifetime(&self, platform: Platform) -> Duration {
        let lifetime = match platform {
            Platform::Cli => self.login_lifetime,
            Platform::Sdk => self.sdk_lifetime,
        };
        lifetime.max(Duration::from_secs(1))
    }
}

impl FromRef<Arc<AdminState>> for Waygate {
    fn from_ref(state: &Arc<AdminState>) -> Self {
        state.waygate.clone()
    }
}
