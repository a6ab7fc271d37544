use std::time::Duration;

use super::auth::{Credentials, Gate, NoCredentials};
use crate::{
    Guarded,
    http::{Mount, Serves, check_mounts},
};

/// How the admin interface is served: who gets in, and how strict it is.
///
/// ```
/// use std::time::Duration;
/// use waygate::{Admin, Credentials};
///
/// let admin = Admin::new(Credentials::new("admin", "correct horse battery staple"))
///     .require_if_match(true)
///     .login_lifetime(Duration::from_secs(8 * 3600));
/// ```
#[derive(Debug)]
#[must_use = "nothing is served until this is given to `Guarded::admin`"]
pub struct Admin {
    pub(super) gate: Gate,
    pub(super) require_if_match: bool,
    pub(super) login_lifetime: Duration,
    pub(super) sdk_lifetime: Duration,
}

impl Admin {
    /// For these users, or for [nobody in particular](Credentials::none).
    pub fn new(credentials: impl Into<Self>) -> Self {
        credentials.into()
    }

    /// Whether changes of routes, rate limits and maintenance must say what they change, with `If-Match` or, for what is
    /// not there yet, `If-None-Match: *` (RFC 9110 section 13.1); those that do not are answered with 428. Off unless set: the Python CLI does not.
    pub fn require_if_match(mut self, strict: bool) -> Self {
        self.require_if_match = strict;
        self
    }

    /// How long a login lasts. 24 hours unless set; at least a second.
    pub fn login_lifetime(mut self, lifetime: Duration) -> Self {
        self.login_lifetime = lifetime;
        self
    }

    /// How long a login lasts that asks for the platform `sdk`, which can only read. 365 days unless set; at least a
    /// second.
    pub fn sdk_lifetime(mut self, lifetime: Duration) -> Self {
        self.sdk_lifetime = lifetime;
        self
    }

    fn behind(gate: Gate) -> Self {
        Self {
            gate,
            require_if_match: false,
            login_lifetime: Duration::from_secs(86_400),
            sdk_lifetime: Duration::from_secs(31_536_000),
        }
    }
}

impl From<Credentials> for Admin {
    fn from(credentials: Credentials) -> Self {
        Self::behind(credentials.into())
    }
}

impl From<NoCredentials> for Admin {
    fn from(none: NoCredentials) -> Self {
        Self::behind(none.into())
    }
}

impl Guarded {
    /// Serves the admin REST API under `prefix`, such as `/waygate`. It is not governed by what it administers: it is
    /// there during global maintenance.
    ///
    /// Its clients are the `waygate` command line (that of Python waygate 0.2.0 included) and whatever speaks HTTP: its
    /// OpenAPI document is at `<prefix>/api/openapi.json`. Serve the application with
    /// [`into_make_service`](Self::into_make_service), so that failed logins can be told apart by where they come from.
    ///
    /// # Panics
    /// [`into_router`](Self::into_router) panics when `prefix` is no path or is `/`, or when the API has a route there or
    /// below; [`try_into_router`](Self::try_into_router) gives the error instead.
    pub fn admin(mut self, prefix: &str, admin: impl Into<Admin>) -> Self {
        let service = super::service::new(self.waygate.clone(), admin.into());
        let below = prefix.strip_suffix('/').unwrap_or(prefix).to_owned();
        self.mounts.push(Mount {
            call: "admin",
            path: prefix.to_owned(),
            serves: Serves::Below(below.clone()),
        });
        // Otherwise axum would panic; `try_into_router` says what is wrong.
        if check_mounts(&self.mounts, &[]).is_ok() {
            self.live = self.live.nest_service(&below, service);
        }
        self
    }
}
