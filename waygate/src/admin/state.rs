use std::{sync::Arc, time::Duration};

use axum::{body::Bytes, extract::FromRef};
use waygate_core::view::Platform;

use super::policy::Policy;
use crate::{Waygate, auth::Authenticator, rest::Readers};

/// The settings of an admin API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) require_if_match: bool,
    pub(super) login_lifetime: Duration,
    pub(super) sdk_lifetime: Duration,
}

/// The state shared by all requests to one admin API.
#[derive(Debug)]
pub(super) struct AdminState {
    pub(super) waygate: Waygate,
    pub(super) auth: Authenticator,
    pub(super) readers: Readers,
    pub(super) policy: Policy,
    /// The rendered OpenAPI document.
    pub(super) document: Bytes,
    settings: Settings,
}

impl AdminState {
    pub(super) fn new(
        waygate: Waygate,
        auth: Authenticator,
        settings: Settings,
        document: &serde_json::Value,
    ) -> Self {
        Self {
            waygate,
            auth,
            readers: Readers::default(),
            policy: Policy::read(document),
            document: document.to_string().into(),
            settings,
        }
    }

    pub(super) fn requires_if_match(&self) -> bool {
        self.settings.require_if_match
    }

    /// The lifetime of a login for a platform.
    pub(super) fn lifetime(&self, platform: Platform) -> Duration {
        let lifetime = match platform {
            Platform::Cli => self.settings.login_lifetime,
            Platform::Sdk => self.settings.sdk_lifetime,
        };
        lifetime.max(Duration::from_secs(1))
    }
}

impl FromRef<Arc<AdminState>> for Waygate {
    fn from_ref(state: &Arc<AdminState>) -> Self {
        state.waygate.clone()
    }
}

impl FromRef<Arc<AdminState>> for Readers {
    fn from_ref(state: &Arc<AdminState>) -> Self {
        state.readers.clone()
    }
}
