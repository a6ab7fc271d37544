use std::{fmt, str::FromStr};

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{RouteKey, text};
use crate::grammar::{Interval, Invalid, Method, Reason, RoleName, format_wire, storable};

/// Maintenance of all routes, or of one service (wire contract, section 2.2, and extensions).
///
/// The window determines the state at an instant: see [`at`](Self::at). No timer changes it.
///
/// ```
/// use waygate_core::{Timestamp, model::GlobalMaintenance};
///
/// let end: Timestamp = "2030-01-01T04:00:00Z".parse()?;
/// let upgrade = GlobalMaintenance::new("database upgrade".parse()?)
///     .start("2030-01-01T02:00:00Z".parse::<Timestamp>()?)
///     .end(end)
///     .exempt_paths(["/health".parse()?])
///     .exempt_ips(["10.0.0.0/8".parse()?])
///     .exempt_roles(["ops".parse()?])
///     .include_force_active(true);
/// assert_eq!(upgrade.checked()?.end, Some(end));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The stored value, and the effective value at an instant:
///
/// ```
/// use waygate_core::{Timestamp, model::GlobalMaintenance};
///
/// let at = |text: &str| text.parse::<Timestamp>();
/// let (start, end) = (at("2030-01-01T02:00:00Z")?, at("2030-01-01T04:00:00Z")?);
/// let mut stored = GlobalMaintenance::new("database upgrade".parse()?)
///     .start(start)
///     .end(end)
///     .exempt_paths(["/health".parse()?]);
/// stored.enabled = true;
/// assert!(stored.holds_at(start) && !stored.holds_at(end));
/// assert!(!stored.at(at("2030-01-01T01:00:00Z")?).enabled, "planned");
/// assert_eq!(stored.next_change(start), Some(end));
/// assert!(stored.exempts(None, "/health") && stored.is_over(end));
/// assert_eq!(stored.settled(end), GlobalMaintenance::default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(utoipa::ToSchema),
    schema(as = MaintenanceSettings)
)]
#[serde(try_from = "Raw")]
#[non_exhaustive]
pub struct GlobalMaintenance {
    /// In a view: `true` if maintenance is active; planned maintenance has a `start` and is not active. In a store:
    /// `true` if it was switched on, even if its window has not started or has ended.
    pub enabled: bool,
    /// The reason; may be empty.
    pub reason: Reason,
    /// Routes that stay open: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below.
    pub exempt_paths: Vec<ExemptPath>,
    /// `true` if even force-active routes are closed.
    pub include_force_active: bool,
    /// The start; missing if it was switched on immediately.
    #[serde(with = "text::maybe_instant", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    pub start: Option<Timestamp>,
    /// The end; missing if there is none.
    #[serde(with = "text::maybe_instant", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    pub end: Option<Timestamp>,
    /// Clients in these networks are served; missing if there are none.
    #[serde(with = "text::networks", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub exempt_ips: Vec<IpNet>,
    /// Callers with one of these roles are served; missing if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exempt_roles: Vec<RoleName>,
}

impl GlobalMaintenance {
    /// Creates maintenance that starts immediately, without an end and without exemptions.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            ..Self::default()
        }
    }

    /// Sets the instant when it begins.
    #[must_use]
    pub fn start(mut self, start: impl Into<Option<Timestamp>>) -> Self {
        self.start = start.into();
        self
    }

    /// Sets the instant when it ends.
    #[must_use]
    pub fn end(mut self, end: impl Into<Option<Timestamp>>) -> Self {
        self.end = end.into();
        self
    }

    /// Sets the routes that stay open.
    #[must_use]
    pub fn exempt_paths(mut self, paths: impl IntoIterator<Item = ExemptPath>) -> Self {
        self.exempt_paths = paths.into_iter().collect();
        self
    }

    /// Sets the networks of clients who are served.
    #[must_use]
    pub fn exempt_ips(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.exempt_ips = networks.into_iter().collect();
        self
    }

    /// Sets the roles of callers who are served.
    #[must_use]
    pub fn exempt_roles(mut self, roles: impl IntoIterator<Item = RoleName>) -> Self {
        self.exempt_roles = roles.into_iter().collect();
        self
    }

    /// Sets whether force-active routes are closed too.
    #[must_use]
    pub fn include_force_active(mut self, include: bool) -> Self {
        self.include_force_active = include;
        self
    }

    /// Returns whether a path stays open for a method.
    pub fn exempts(&self, method: Option<Method>, path: &str) -> bool {
        self.exempt_paths
            .iter()
            .any(|exempt| exempt.covers(method, path))
    }

    /// Derives the state at `now`. Before its window, maintenance is not `enabled` and has a `start`; after the window,
    /// this is the default value.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let settled = self.clone().settled(now);
        Self {
            enabled: settled.holds_at(now),
            ..settled
        }
    }

    /// Returns the default if it has ended at `now`, else itself.
    #[must_use]
    pub fn settled(self, now: Timestamp) -> Self {
        match self.is_over(now) {
            true => Self::default(),
            false => self,
        }
    }

    /// Returns whether it was switched on and has ended at `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.enabled && self.end.is_some_and(|end| end <= now)
    }

    /// Returns whether it is active or planned in a view. In a stored record, also if it is over.
    pub fn is_set(&self) -> bool {
        self.enabled || self.start.is_some()
    }

    /// Returns whether it is active at `now`.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        let has_begun = self.start.is_none_or(|start| start <= now);
        self.enabled && has_begun && self.end.is_none_or(|end| now < end)
    }

    /// Returns the first instant after `now` at which it starts or ends.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let boundaries = [self.start, self.end].into_iter().flatten();
        boundaries.filter(|at| self.enabled && *at > now).min()
    }

    /// Returns whether it is active until changed.
    pub fn is_unbounded(&self) -> bool {
        self.enabled && self.start.is_none() && self.end.is_none()
    }

    /// Returns whether it exempts no path, network or role.
    pub fn exempts_nothing(&self) -> bool {
        self.exempt_paths.is_empty() && self.exempt_ips.is_empty() && self.exempt_roles.is_empty()
    }

    /// Truncates its instants to whole microseconds, as they are stored.
    ///
    /// # Errors
    /// [`Invalid`] if the end is not after the start, or a year is before 0.
    pub fn checked(self) -> Result<Self, Invalid> {
        let (start, end) = match (self.start, self.end) {
            (Some(start), Some(end)) => {
                let window = Interval::new(start, end)?;
                (Some(window.start()), Some(window.end()))
            }
            (start, end) => (one(start)?, one(end)?),
        };
        Ok(Self { start, end, ..self })
    }
}

/// Checks the only boundary of a window.
fn one(instant: Option<Timestamp>) -> Result<Option<Timestamp>, Invalid> {
    let checked = |instant| {
        storable(instant).ok_or_else(|| {
            let text = format_wire(instant, "Z");
            Invalid::new("instant", &text, "it must lie in the years 0 to 9999")
        })
    };
    instant.map(checked).transpose()
}

/// The unchecked form.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    enabled: bool,
    reason: Reason,
    exempt_paths: Vec<ExemptPath>,
    include_force_active: bool,
    #[serde(with = "text::maybe_instant")]
    start: Option<Timestamp>,
    #[serde(with = "text::maybe_instant")]
    end: Option<Timestamp>,
    #[serde(with = "text::networks")]
    exempt_ips: Vec<IpNet>,
    exempt_roles: Vec<RoleName>,
}

impl TryFrom<Raw> for GlobalMaintenance {
    type Error = Invalid;

    fn try_from(raw: Raw) -> Result<Self, Invalid> {
        let read = Self {
            enabled: raw.enabled,
            reason: raw.reason,
            exempt_paths: raw.exempt_paths,
            include_force_active: raw.include_force_active,
            start: raw.start,
            end: raw.end,
            exempt_ips: raw.exempt_ips,
            exempt_roles: raw.exempt_roles,
        };
        read.checked()
    }
}

/// An exemption from maintenance and limits of several routes: `/path` for every method, or `METHOD:/path`.
///
/// The path is that of a registered route (`/users/{id}`), or the URL of a request that no route matches. A catch-all at
/// the end, `/v1/{*rest}`, covers every path below `/v1/`.
///
/// ```
/// use waygate_core::{grammar::Method, model::ExemptPath};
///
/// let health: ExemptPath = "GET:/health".parse()?;
/// assert!(health.covers(Some(Method::Get), "/health"));
/// assert!(!health.covers(Some(Method::Post), "/health"));
/// let below: ExemptPath = "/v1/{*rest}".parse()?;
/// assert!(below.covers_path("/v1/users"));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExemptPath(RouteKey);

impl ExemptPath {
    /// Returns the exemption as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the path, with its method if it has one.
    pub fn key(&self) -> &RouteKey {
        &self.0
    }

    /// Returns whether the exemption covers this path and method.
    pub fn covers(&self, method: Option<Method>, path: &str) -> bool {
        (self.0.method().is_none() || self.0.method() == method) && self.covers_path(path)
    }

    /// Returns whether the exemption covers this path for any method.
    pub fn covers_path(&self, path: &str) -> bool {
        let is_below = |prefix: &str| path.strip_prefix(prefix).is_some_and(stays_below);
        self.0.path() == path || catch_all(self.0.path()).is_some_and(is_below)
    }
}

/// Returns whether a path stays below its prefix under any normalization: without `.` and `..` (RFC 3986 section 5.2.4),
/// empty segments, parameters of segments, backslashes, and any of their characters percent-encoded.
fn stays_below(rest: &str) -> bool {
    let is_encoded = |triple: &[u8]| {
        triple[0] == b'%'
            && matches!(
                [triple[1], triple[2].to_ascii_lowercase()],
                [b'2', b'e' | b'f' | b'5'] | [b'3', b'b'] | [b'5', b'c'] | [b'0', b'0']
            )
    };
    let is_plain =
        |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(['\\', ';']);
    // A trailing slash is allowed.
    let segments = rest.strip_suffix('/').unwrap_or(rest);
    segments.split('/').all(is_plain) && !rest.as_bytes().windows(3).any(is_encoded)
}

/// Returns the prefix of a catch-all at the end of a template: `/v1/` of `/v1/{*rest}`.
fn catch_all(path: &str) -> Option<&str> {
    let (prefix, _) = path.rsplit_once("{*").filter(|_| path.ends_with('}'))?;
    // Within a segment, a catch-all belongs to the route itself.
    prefix.ends_with('/').then_some(prefix)
}

impl FromStr for ExemptPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| Invalid::new("exempt path", text, problem);
        let key: RouteKey = text.parse().map_err(|e: Invalid| {
            invalid(format!("{} (write `/path` or `METHOD:/path`)", e.problem()))
        })?;
        match key.service() {
            Some(service) => Err(invalid(format!("`{service}` is not an HTTP method"))),
            None => Ok(Self(key)),
        }
    }
}

impl fmt::Display for ExemptPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ExemptPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ExemptPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer)
    }
}

#[cfg(test)]
mod tests;
