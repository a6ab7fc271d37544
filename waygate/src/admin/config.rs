use std::time::Duration;

use super::state::Settings;
use crate::{
    auth::{AuthMode, Credentials, NoCredentials},
    health::Require,
};

/// Configures the admin API: its users, and how strict it is.
///
/// ```
/// use std::time::Duration;
/// use waygate::admin::{Admin, Credentials};
///
/// let admin = Admin::new(Credentials::new("admin", "correct horse battery staple"))
///     .require_if_match(true)
///     .login_lifetime(Duration::from_secs(8 * 3600))
///     .sdk_lifetime(Duration::from_secs(30 * 86_400));
/// ```
#[derive(Debug)]
#[must_use = "nothing is served until this is given to `Guarded::admin`"]
pub struct Admin {
    pub(super) mode: AuthMode,
    pub(super) settings: Settings,
    #[cfg(feature = "ofrep")]
    pub(super) ofrep: Option<crate::ofrep::Ofrep>,
}

impl Admin {
    /// An admin API for these users, or [without credentials](Credentials::none).
    pub fn new(credentials: impl Into<Self>) -> Self {
        credentials.into()
    }

    /// Requires `If-Match` on changes of routes, limits and maintenance, or `If-None-Match: *` to create (RFC 9110 section
    /// 13.1). Changes without either get 428. Off by default, since the Python CLI sends neither.
    pub fn require_if_match(mut self, strict: bool) -> Self {
        self.settings.require_if_match = strict;
        self
    }

    /// Sets the lifetime of a login. The default is 24 hours, the minimum a second.
    pub fn login_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.login_lifetime = lifetime;
        self
    }

    /// Sets the lifetime of a login for the platform `sdk`, which is read-only. The default is 365 days, the minimum
    /// a second.
    pub fn sdk_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.sdk_lifetime = lifetime;
        self
    }

    /// Sets the address of the page where users approve [devices](https://www.rfc-editor.org/rfc/rfc8628). By default, it
    /// is `device` below the prefix of the admin API, at the host of the request. Waygate serves no page there.
    ///
    /// ```
    /// use waygate::admin::{Admin, Credentials};
    ///
    /// let admin = Admin::new(Credentials::new("admin", "correct horse battery staple"))
    ///     .verification_uri("https://ops.example/waygate/device");
    /// ```
    pub fn verification_uri(mut self, uri: impl Into<String>) -> Self {
        self.settings.verification_uri = Some(uri.into());
        self
    }

    /// Sets the state that `GET /readyz` requires. The default is [`Require::Cache`].
    ///
    /// ```
    /// use waygate::{admin::{Admin, Credentials}, health::Require};
    ///
    /// let admin = Admin::new(Credentials::new("admin", "correct horse battery staple"))
    ///     .ready(Require::Live);
    /// ```
    pub fn ready(mut self, require: Require) -> Self {
        self.settings.require = require;
        self
    }

    /// Ends a login of a person after this time without a request. Off by default; the minimum is five minutes, since
    /// processes that share a store know the requests of each other to a minute or two.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waygate::admin::{Admin, Credentials};
    ///
    /// let admin = Admin::new(Credentials::new("admin", "correct horse battery staple"))
    ///     .login_lifetime(Duration::from_secs(12 * 3600))
    ///     .login_idle(Duration::from_secs(30 * 60));
    /// ```
    pub fn login_idle(mut self, idle: Duration) -> Self {
        self.settings.login_idle = Some(idle.max(Duration::from_secs(300)));
        self
    }

    /// Serves the endpoints of feature flags and segments: `/api/flags`, `/api/segments` and `/api/flag-definitions`. Off
    /// by default, so that an application has them because it says so, and not because a crate in its graph enables the
    /// cargo feature; without them their paths are 404.
    ///
    /// ```
    /// use waygate::admin::{Admin, Credentials};
    ///
    /// let admin = Admin::new(Credentials::new("admin", "correct horse battery staple")).flags(true);
    /// ```
    #[cfg(feature = "flags")]
    pub fn flags(mut self, served: bool) -> Self {
        self.settings.flags = served;
        self
    }

    fn with(mode: AuthMode) -> Self {
        Self {
            mode,
            settings: Settings {
                require_if_match: false,
                login_lifetime: Duration::from_secs(86_400),
                sdk_lifetime: Duration::from_secs(31_536_000),
                login_idle: None,
                verification_uri: None,
                require: Require::default(),
                #[cfg(feature = "flags")]
                flags: false,
            },
            #[cfg(feature = "ofrep")]
            ofrep: None,
        }
    }
}

impl From<Credentials> for Admin {
    fn from(credentials: Credentials) -> Self {
        Self::with(credentials.into())
    }
}

impl From<NoCredentials> for Admin {
    fn from(none: NoCredentials) -> Self {
        Self::with(none.into())
    }
}
