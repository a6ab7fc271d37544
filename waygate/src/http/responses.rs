#[cfg(feature = "openapi")]
use http::StatusCode;
use waygate_core::decl::Gate;

use super::{IntoResponder, Responder, function_id::either};
use crate::engine::BlockReason;

/// Functions that respond to blocked requests, one for each reason. The default is the built-in response.
///
/// A response with a success status (2xx), such as plain text, is sent with
/// [`Blocked::status`](crate::Blocked::status) instead, so that clients and caches do not mistake a refusal for the
/// resource. Other statuses are kept.
///
/// Pass it to [`Guarded::responses`](crate::Guarded::responses) for the whole application, or to
/// [`Registration::responses`](crate::model::Registration::responses) for one route. The `response = ..` of an attribute,
/// and registered functions of a route or of a limit, take precedence.
///
/// ```
/// use waygate::{Blocked, Responses};
///
/// async fn sorry(blocked: &Blocked) -> String {
///     format!("{} is closed", blocked.request().uri.path())
/// }
///
/// let responses = Responses::new()
///     .maintenance(sorry)
///     .disabled(|_: &Blocked| "gone for now")
///     .env_gated(|_: &Blocked| "not here")
///     .ip_not_allowed(|_: &Blocked| "not from there")
///     .role_required(|_: &Blocked| "not for you")
///     .flag_off(|_: &Blocked| "not yet")
///     .rate_limited(|blocked: &Blocked| format!("wait {:?} seconds", blocked.retry_after()))
///     .concurrency_limited(|_: &Blocked| "one at a time")
///     .key_missing(|_: &Blocked| "who are you?");
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Responses {
    maintenance: Option<Responder>,
    disabled: Option<Responder>,
    env_gated: Option<Responder>,
    ip_not_allowed: Option<Responder>,
    role_required: Option<Responder>,
    flag_off: Option<Responder>,
    rate_limited: Option<Responder>,
    concurrency_limited: Option<Responder>,
    key_missing: Option<Responder>,
}

impl Responses {
    pub(crate) const NONE: Self = Self {
        maintenance: None,
        disabled: None,
        env_gated: None,
        ip_not_allowed: None,
        role_required: None,
        flag_off: None,
        rate_limited: None,
        concurrency_limited: None,
        key_missing: None,
    };

    /// Creates an empty set: the built-in responses.
    pub fn new() -> Self {
        Self::NONE
    }

    /// Responds to requests during maintenance, global maintenance included.
    pub fn maintenance<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.maintenance = Some(Responder::new(function));
        self
    }

    /// Responds to requests to disabled routes.
    pub fn disabled<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.disabled = Some(Responder::new(function));
        self
    }

    /// Responds to requests to routes that are limited to other environments.
    pub fn env_gated<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.env_gated = Some(Responder::new(function));
        self
    }

    /// Responds to clients outside the allowed networks.
    pub fn ip_not_allowed<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.ip_not_allowed = Some(Responder::new(function));
        self
    }

    /// Responds to callers without an allowed role.
    pub fn role_required<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.role_required = Some(Responder::new(function));
        self
    }

    /// Responds while the flag of a gate is off for the caller, if the gate has no function of its own.
    pub fn flag_off<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.flag_off = Some(Responder::new(function));
        self
    }

    /// Responds to requests over a rate limit. `Retry-After` and the rate-limit headers are added if the response has
    /// none.
    pub fn rate_limited<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.rate_limited = Some(Responder::new(function));
        self
    }

    /// Responds to requests over a concurrency limit. `Retry-After` is added if the response has none.
    pub fn concurrency_limited<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.concurrency_limited = Some(Responder::new(function));
        self
    }

    /// Responds to requests without the key of a rate limit with `on_missing_key = "block"`. The default is the
    /// function of [`rate_limited`](Self::rate_limited). A 401 gets the
    /// [`challenge`](crate::WaygateBuilder::challenge) if it has none.
    pub fn key_missing<Kind>(mut self, function: impl IntoResponder<Kind>) -> Self {
        self.key_missing = Some(Responder::new(function));
        self
    }

    /// Sets the function for the kind of block that one attribute causes.
    pub(crate) fn set(&mut self, gate: Gate, responder: Responder) {
        let place = match gate {
            Gate::Maintenance { .. } => &mut self.maintenance,
            Gate::Disabled { .. } => &mut self.disabled,
            Gate::EnvOnly { .. } => &mut self.env_gated,
            Gate::AllowedIps { .. } => &mut self.ip_not_allowed,
            Gate::AllowedRoles { .. } => &mut self.role_required,
            Gate::FlagGate { .. } => &mut self.flag_off,
            // The other attributes block nothing.
            _ => return,
        };
        *place = Some(responder);
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self {
            maintenance,
            disabled,
            env_gated,
            ip_not_allowed,
            role_required,
            flag_off,
            rate_limited,
            concurrency_limited,
            key_missing,
        } = self;
        let all = [
            maintenance,
            disabled,
            env_gated,
            ip_not_allowed,
            role_required,
            flag_off,
            rate_limited,
            concurrency_limited,
            key_missing,
        ];
        all.into_iter().all(Option::is_none)
    }

    /// Adds the functions of `other` for kinds without one.
    pub(super) fn or(self, other: &Self) -> Self {
        let or = |own: Option<Responder>, other: &Option<Responder>| own.or_else(|| other.clone());
        Self {
            maintenance: or(self.maintenance, &other.maintenance),
            disabled: or(self.disabled, &other.disabled),
            env_gated: or(self.env_gated, &other.env_gated),
            ip_not_allowed: or(self.ip_not_allowed, &other.ip_not_allowed),
            role_required: or(self.role_required, &other.role_required),
            flag_off: or(self.flag_off, &other.flag_off),
            rate_limited: or(self.rate_limited, &other.rate_limited),
            concurrency_limited: or(self.concurrency_limited, &other.concurrency_limited),
            key_missing: or(self.key_missing, &other.key_missing),
        }
    }

    /// Merges the functions of both. The error names the kind with different functions.
    pub(super) fn union(&self, other: &Self) -> Result<Self, String> {
        let of = |kind: &str, place: fn(&Self) -> &Option<Responder>| {
            either(place(self).as_ref(), place(other).as_ref())
                .map_err(|_| format!("responses for {kind}"))
        };
        Ok(Self {
            maintenance: of("maintenance", |all| &all.maintenance)?,
            disabled: of("disabled routes", |all| &all.disabled)?,
            env_gated: of("other environments", |all| &all.env_gated)?,
            ip_not_allowed: of("other networks", |all| &all.ip_not_allowed)?,
            role_required: of("missing roles", |all| &all.role_required)?,
            flag_off: of("flags that are off", |all| &all.flag_off)?,
            rate_limited: of("rate limits", |all| &all.rate_limited)?,
            concurrency_limited: of("concurrency limits", |all| &all.concurrency_limited)?,
            key_missing: of("missing keys", |all| &all.key_missing)?,
        })
    }

    /// Returns `true` if any function responds to blocks with this status that can occur on a listed route.
    #[cfg(feature = "openapi")]
    pub(crate) fn answers(&self, status: StatusCode) -> bool {
        let Self {
            maintenance,
            disabled: _,
            env_gated: _,
            ip_not_allowed,
            role_required,
            flag_off,
            rate_limited,
            concurrency_limited,
            key_missing,
        } = self;
        match status {
            StatusCode::SERVICE_UNAVAILABLE => maintenance.is_some(),
            StatusCode::FORBIDDEN => {
                ip_not_allowed.is_some() || role_required.is_some() || flag_off.is_some()
            }
            StatusCode::TOO_MANY_REQUESTS => {
                rate_limited.is_some() || concurrency_limited.is_some()
            }
            StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST => {
                key_missing.is_some() || rate_limited.is_some()
            }
            _ => false,
        }
    }

    pub(crate) fn of(&self, reason: &BlockReason) -> Option<&Responder> {
        match reason {
            BlockReason::GlobalMaintenance { .. }
            | BlockReason::ServiceMaintenance { .. }
            | BlockReason::Maintenance { .. } => self.maintenance.as_ref(),
            BlockReason::Disabled { .. } => self.disabled.as_ref(),
            BlockReason::EnvGated { .. } => self.env_gated.as_ref(),
            BlockReason::IpNotAllowed => self.ip_not_allowed.as_ref(),
            BlockReason::RoleRequired { .. } => self.role_required.as_ref(),
            BlockReason::FlagOff { .. } => self.flag_off.as_ref(),
            BlockReason::RateLimited(_) => self.rate_limited.as_ref(),
            BlockReason::ConcurrencyLimited(_) => self.concurrency_limited.as_ref(),
            BlockReason::KeyMissing(_) => self.key_missing.as_ref().or(self.rate_limited.as_ref()),
        }
    }
}
