use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{RecurringWindow, WindowException, parse_length, parse_time};
use crate::grammar::{Invalid, Reason, TimeZoneName};

/// The fields of recurring windows, unchecked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RecurringWindow))]
#[serde(deny_unknown_fields)]
pub struct RecurringFields {
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
}

impl TryFrom<RecurringFields> for RecurringWindow {
    type Error = Invalid;

    fn try_from(fields: RecurringFields) -> Result<Self, Invalid> {
        let mut window = Self {
            every: fields.every.parse()?,
            at: fields.at.as_deref().map(parse_time).transpose()?,
            from: fields.from,
            length: parse_length(&fields.r#for)?,
            zone: fields.tz,
            except: fields.except,
            reason: fields.reason,
        };
        window.except.sort_unstable();
        window.except.dedup();
        window.check()?;
        Ok(window)
    }
}

impl From<RecurringWindow> for RecurringFields {
    fn from(window: RecurringWindow) -> Self {
        Self {
            every: window.every.to_string(),
            at: window.at_text(),
            from: window.from,
            r#for: window.length_text(),
            tz: window.zone,
            except: window.except,
            reason: window.reason,
        }
    }
}
