use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    grammar::{Reason, TimeZoneName, WindowException},
    model::WindowId,
};

/// The times and the reason of recurring windows, unchecked.
///
/// ```
/// use waygate_core::model::RecurringWindow;
///
/// let fortnightly = RecurringWindow::builder("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", "2h")
///     .at("02:00")
///     .starting("2030-01-06".parse()?)
///     .tz("Europe/Berlin".parse()?)
///     .except(["2030-12-29".parse()?])
///     .reason("database upgrade".parse()?)
///     .build()?;
/// # let _ = fortnightly;
/// let error = RecurringWindow::builder("0 25 * * *", "1h").build().unwrap_err();
/// assert_eq!(error.problem(), "hour: `25` is not within 0 to 23");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RecurringWindow))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecurringFields {
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
}

impl RecurringFields {
    /// Creates windows without a time zone, exceptions and a reason.
    pub(super) fn new(every: &str, length: &str) -> Self {
        Self {
            id: None,
            every: every.to_owned(),
            at: None,
            from: None,
            r#for: length.to_owned(),
            tz: None,
            except: Vec::new(),
            reason: Reason::default(),
        }
    }

    /// Sets the local time of the day of a rule: `02:00`.
    #[must_use]
    pub fn at(mut self, time: &str) -> Self {
        self.at = Some(time.to_owned());
        self
    }

    /// Sets the local day from which a rule is counted.
    #[must_use]
    pub fn starting(mut self, day: Date) -> Self {
        self.from = Some(day);
        self
    }

    /// Sets the time zone.
    #[must_use]
    pub fn tz(mut self, zone: TimeZoneName) -> Self {
        self.tz = Some(zone);
        self
    }

    /// Adds exceptions.
    #[must_use]
    pub fn except(mut self, exceptions: impl IntoIterator<Item = WindowException>) -> Self {
        self.except.extend(exceptions);
        self
    }

    /// Sets the reason.
    #[must_use]
    pub fn reason(mut self, reason: Reason) -> Self {
        self.reason = reason;
        self
    }
}
