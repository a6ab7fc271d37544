use std::{sync::Arc, time::Duration};

use axum::{body::Bytes, extract::FromRef};
use waygate_core::view::Platform;

use super::{computations::Computations, idempotency::memory::Memory, policy::Policy};
#[cfg(feature = "flags")]
use crate::http::Streams;
use crate::{Waygate, auth::Authenticator, health::Require, rest::Readers};

/// The most open streams of evaluations.
#[cfg(feature = "flags")]
const MAX_STREAMS: usize = 32;

/// The settings of an admin API.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) require_if_match: bool,
    pub(super) login_lifetime: Duration,
    pub(super) sdk_lifetime: Duration,
    pub(super) login_idle: Option<Duration>,
    pub(super) verification_uri: Option<String>,
    pub(super) require: Require,
    /// Serves flags and segments.
    #[cfg(feature = "flags")]
    pub(super) flags: bool,
}

/// The state shared by all requests to one admin API.
#[derive(Debug)]
pub(super) struct AdminState {
    pub(super) waygate: Waygate,
    pub(super) auth: Authenticator,
    pub(super) readers: Readers,
    pub(super) policy: Policy,
    /// The requests with idempotency keys.
    pub(super) keys: Arc<Memory>,
    /// The open streams of evaluations.
    #[cfg(feature = "flags")]
    pub(super) streams: Streams,
    /// Long reads: previews of flags and segments, and lists of windows.
    pub(super) computations: Computations,
    /// Apart from those that only read.
    #[cfg(feature = "flags")]
    pub(super) imports: Computations,
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
            keys: Arc::default(),
            #[cfg(feature = "flags")]
            streams: Streams::new(MAX_STREAMS, MAX_STREAMS),
            computations: Computations::default(),
            #[cfg(feature = "flags")]
            imports: Computations::default(),
            policy: Policy::read(document),
            document: document.to_string().into(),
            settings,
        }
    }

    pub(super) fn requires_if_match(&self) -> bool {
        self.settings.require_if_match
    }

    /// Returns why there is nothing at a path, if a setting is the cause.
    #[cfg(feature = "flags")]
    pub(super) fn off(&self, path: &str) -> Option<&'static str> {
        let is_of_flags = ["/api/flags", "/api/segments", "/api/flag-definitions"]
            .iter()
            .any(|root| {
                let rest = path.strip_prefix(root);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
        (is_of_flags && !self.settings.flags).then_some(
            "This server does not serve feature flags: the application turns them on with `Admin::flags(true)`.",
        )
    }

    /// The state that a process needs to be ready.
    pub(super) fn require(&self) -> Require {
        self.settings.require
    }

    /// The page where users approve devices, if the application sets it.
    pub(super) fn verification_uri(&self) -> Option<&str> {
        self.settings.verification_uri.as_deref()
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
