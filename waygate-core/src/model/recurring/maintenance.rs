use ipnet::IpNet;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{RecurringFields, RecurringWindow};
use crate::{
    grammar::{Invalid, Reason, RoleName, TimeZoneName, WindowException},
    model::{ExemptPath, WindowId, text},
};

/// Recurring maintenance of all routes, or of one service, with its exemptions.
///
/// ```
/// use waygate_core::model::{RecurringMaintenance, RecurringWindow};
///
/// let sundays: RecurringMaintenance = serde_json::from_str(
///     r#"{"every": "0 2 * * SUN", "for": "2h", "tz": "Europe/Berlin", "exempt_paths": ["/health"]}"#,
/// )?;
/// assert_eq!(sundays.window.id().as_str(), "0 2 * * SUN for 2h in Europe/Berlin");
///
/// let nightly = RecurringWindow::builder("0 2 * * *", "1h").build()?;
/// let nightly = RecurringMaintenance::from(nightly)
///     .exempt_paths(["/health".parse()?])
///     .exempt_ips(["10.0.0.0/8".parse()?])
///     .exempt_roles(["ops".parse()?])
///     .include_force_active(true);
/// assert!(nightly.include_force_active);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "RecurringMaintenanceFields",
    into = "RecurringMaintenanceFields"
)]
#[non_exhaustive]
pub struct RecurringMaintenance {
    /// The times and the reason.
    pub window: RecurringWindow,
    /// Routes that stay open: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below.
    pub exempt_paths: Vec<ExemptPath>,
    /// `true` if even force-active routes are closed.
    pub include_force_active: bool,
    /// Clients in these networks are served.
    pub exempt_ips: Vec<IpNet>,
    /// Callers with one of these roles are served.
    pub exempt_roles: Vec<RoleName>,
}

impl RecurringMaintenance {
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
}

impl From<RecurringWindow> for RecurringMaintenance {
    /// Maintenance without exemptions.
    fn from(window: RecurringWindow) -> Self {
        Self {
            window,
            exempt_paths: Vec::new(),
            include_force_active: false,
            exempt_ips: Vec::new(),
            exempt_roles: Vec::new(),
        }
    }
}

/// The times, the reason and the exemptions of recurring maintenance, unchecked.
///
/// ```
/// use waygate_core::model::{RecurringMaintenance, RecurringMaintenanceFields};
///
/// let fields: RecurringMaintenanceFields =
///     serde_json::from_str(r#"{"every": "0 25 * * *", "for": "2h"}"#)?;
/// let error = RecurringMaintenance::try_from(fields).unwrap_err();
/// assert_eq!(error.problem(), "hour: `25` is not within 0 to 23");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(utoipa::ToSchema),
    schema(
        as = RecurringMaintenance,
        examples(json!({"every": "0 2 * * SUN", "for": "2h", "tz": "Europe/Berlin", "exempt_paths": ["/health"]}))
    )
)]
// Not a flattened `RecurringFields`: serde would accept unknown fields, and with them misspelled exemptions.
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecurringMaintenanceFields {
    /// The name of the windows, which cancels them. It follows from the other fields; a given one is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub id: Option<WindowId>,
    /// The local times at which windows start: a cron expression such as `0 2 * * SUN`, or a recurrence rule
    /// (RFC 5545) such as `FREQ=MONTHLY;BYDAY=2TU`.
    pub every: String,
    /// The local time of the day of a rule, such as `02:00`. A cron expression has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub at: Option<String>,
    /// The local day from which a rule with `COUNT` or `INTERVAL` is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Date, nullable = false))]
    pub from: Option<Date>,
    /// The length, from `1m` to `744h`.
    pub r#for: String,
    /// The time zone, such as `Europe/Berlin`. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, nullable = false))]
    pub tz: Option<TimeZoneName>,
    /// Local days without windows (`2030-12-29`), and local starts of single windows (`2030-12-29T02:00`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub except: Vec<WindowException>,
    /// The reason; may be empty.
    #[serde(default, skip_serializing_if = "Reason::is_empty")]
    pub reason: Reason,
    /// Routes that stay open: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_paths: Vec<ExemptPath>,
    /// `true` if even force-active routes are closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_force_active: bool,
    /// Clients in these networks are served.
    #[serde(
        default,
        with = "text::networks",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub exempt_ips: Vec<IpNet>,
    /// Callers with one of these roles are served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_roles: Vec<RoleName>,
}

impl TryFrom<RecurringMaintenanceFields> for RecurringMaintenance {
    type Error = Invalid;

    fn try_from(fields: RecurringMaintenanceFields) -> Result<Self, Invalid> {
        let window = RecurringFields {
            id: fields.id,
            every: fields.every,
            at: fields.at,
            from: fields.from,
            r#for: fields.r#for,
            tz: fields.tz,
            except: fields.except,
            reason: fields.reason,
        };
        Ok(Self {
            window: window.try_into()?,
            exempt_paths: fields.exempt_paths,
            include_force_active: fields.include_force_active,
            exempt_ips: fields.exempt_ips,
            exempt_roles: fields.exempt_roles,
        })
    }
}

impl From<RecurringMaintenance> for RecurringMaintenanceFields {
    fn from(recurring: RecurringMaintenance) -> Self {
        let window = RecurringFields::from(recurring.window);
        Self {
            id: window.id,
            every: window.every,
            at: window.at,
            from: window.from,
            r#for: window.r#for,
            tz: window.tz,
            except: window.except,
            reason: window.reason,
            exempt_paths: recurring.exempt_paths,
            include_force_active: recurring.include_force_active,
            exempt_ips: recurring.exempt_ips,
            exempt_roles: recurring.exempt_roles,
        }
    }
}
