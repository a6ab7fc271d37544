use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    grammar::{Interval, Reason},
    model::{GlobalMaintenance, LimitScope, Position, RecurringWindow, WindowId, text},
};

/// A maintenance window of a route, of a service or of all routes.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{GlobalMaintenance, LimitScope, RecurringMaintenance, RecurringWindow},
///     view::ScheduledWindow,
/// };
///
/// let sundays = RecurringWindow::builder("0 2 * * SUN", "2h").build()?;
/// let mut maintenance = GlobalMaintenance::default();
/// maintenance.recurring.push(RecurringMaintenance::from(sundays));
/// let (from, until) = ("2030-01-01T00:00:00Z".parse()?, "2030-02-01T00:00:00Z".parse()?);
/// let mut windows = Vec::new();
/// ScheduledWindow::of_maintenance(&LimitScope::Global, &maintenance, from, until, &mut windows);
/// assert_eq!(windows.len(), 4);
/// let open = waygate_core::model::Position::default();
/// ScheduledWindow::of_route(&"GET:/a".parse()?, &open, from, until, &mut windows);
/// assert_eq!(windows.len(), 4, "without windows");
/// let calendar = ScheduledWindow::calendar(&windows, from);
/// assert!(calendar.contains("DTSTART:20300106T020000Z"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ScheduledWindow {
    /// The key of a route, `service:<name>`, or `*` for all routes.
    #[cfg_attr(feature = "schema", schema(example = "GET:/payments"))]
    pub scope: String,
    /// The id that cancels the window. Missing if it is the only one of its maintenance, which is disabled instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub id: Option<WindowId>,
    /// The id that cancels all windows that recur with it, if it recurs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub recurring: Option<WindowId>,
    /// The first instant.
    #[serde(with = "text::instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub start: Timestamp,
    /// The first instant after it; missing if there is none.
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    pub end: Option<Timestamp>,
    /// The reason; may be empty.
    pub reason: Reason,
}

/// The most windows of one route or maintenance in a list.
const MOST: usize = 1_000;

impl ScheduledWindow {
    fn one(scope: &LimitScope, interval: Interval, reason: &Reason) -> Self {
        Self {
            scope: scope.to_string(),
            id: Some(interval.into()),
            recurring: None,
            start: interval.start(),
            end: Some(interval.end()),
            reason: reason.clone(),
        }
    }

    /// Adds the windows of a route that have not ended at `from`, and start before `until`.
    pub fn of_route(
        scope: &LimitScope,
        position: &Position,
        from: Timestamp,
        until: Timestamp,
        into: &mut Vec<Self>,
    ) {
        for window in &position.windows {
            if window.interval.end() > from && window.interval.start() < until {
                into.push(Self::one(scope, window.interval, &window.reason));
            }
        }
        for recurring in &position.recurring {
            Self::of_recurring(scope, recurring, from, until, into);
        }
    }

    /// Adds the windows of maintenance that have not ended at `from`, and start before `until`. Maintenance without a
    /// start is no window.
    pub fn of_maintenance(
        scope: &LimitScope,
        maintenance: &GlobalMaintenance,
        from: Timestamp,
        until: Timestamp,
        into: &mut Vec<Self>,
    ) {
        if let Some(start) = maintenance.start.filter(|start| *start < until)
            && maintenance.enabled
            && maintenance.end.is_none_or(|end| end > from)
        {
            into.push(Self {
                scope: scope.to_string(),
                id: None,
                recurring: None,
                start,
                end: maintenance.end,
                reason: maintenance.reason.clone(),
            });
        }
        for recurring in &maintenance.recurring {
            Self::of_recurring(scope, &recurring.window, from, until, into);
        }
    }

    fn of_recurring(
        scope: &LimitScope,
        windows: &RecurringWindow,
        from: Timestamp,
        until: Timestamp,
        into: &mut Vec<Self>,
    ) {
        let id = windows.id();
        let mut next = windows.current_or_next(from);
        for _ in 0..MOST {
            let Some(interval) = next.filter(|interval| interval.start() < until) else {
                break;
            };
            into.push(Self {
                recurring: Some(id.clone()),
                ..Self::one(scope, interval, windows.reason())
            });
            next = windows.next(interval.start());
        }
    }

    /// Writes windows as a calendar (RFC 5545) that other programs can subscribe to. `now` is the time of the calendar.
    ///
    /// Windows that recur are written one by one, in UTC: so every client shows them as they take place, while clocks
    /// change and without exceptions.
    pub fn calendar(windows: &[Self], now: Timestamp) -> String {
        let mut calendar = Calendar(String::new());
        calendar.line("BEGIN:VCALENDAR");
        calendar.line("VERSION:2.0");
        calendar.line("PRODID:-//Waygate//Maintenance windows//EN");
        calendar.line("NAME:Maintenance windows");
        calendar.line("X-WR-CALNAME:Maintenance windows");
        let mut known = BTreeMap::<_, usize>::new();
        for window in windows {
            // Two windows of a route may start together.
            let uid = format!("{} {}", window.scope, instant(window.start));
            let nth = known.entry(uid.clone()).or_default();
            *nth += 1;
            let uid = match *nth {
                1 => uid,
                nth => format!("{uid} {nth}"),
            };
            calendar.event(window, &uid, now);
        }
        calendar.line("END:VCALENDAR");
        calendar.0
    }
}

/// A calendar that is being written.
struct Calendar(String);

impl Calendar {
    fn event(&mut self, window: &ScheduledWindow, uid: &str, now: Timestamp) {
        let scope = match window.scope.as_str() {
            "*" => "all routes",
            scope => scope,
        };
        self.line("BEGIN:VEVENT");
        self.line(&format!("UID:{}", escaped(uid)));
        self.line(&format!("DTSTAMP:{}", instant(now)));
        self.line(&format!("DTSTART:{}", instant(window.start)));
        if let Some(end) = window.end {
            self.line(&format!("DTEND:{}", instant(end)));
        }
        self.line(&format!(
            "SUMMARY:{}",
            escaped(&format!("Maintenance of {scope}"))
        ));
        if !window.reason.is_empty() {
            self.line(&format!("DESCRIPTION:{}", escaped(window.reason.as_str())));
        }
        self.line("END:VEVENT");
    }

    /// Adds a content line, folded after 75 octets (RFC 5545, section 3.1).
    fn line(&mut self, line: &str) {
        let mut octets = 0;
        for character in line.chars() {
            if octets + character.len_utf8() > 75 {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            self.0.push(character);
            octets += character.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

/// Writes an instant in UTC (RFC 5545, section 3.3.5), to the second.
fn instant(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Escapes a text (RFC 5545, section 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => escaped.extend(['\\', character]),
            '\n' => escaped.push_str("\\n"),
            character if character.is_control() => {}
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Window;

    #[test]
    fn lines_are_folded_and_texts_escaped() {
        let interval = Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z").unwrap();
        let reason = format!("a,b;c\\d {}", "ü".repeat(60)).parse().unwrap();
        let mut position = Position::default();
        position.windows.push(Window { interval, reason });
        let mut windows = Vec::new();
        let scope = LimitScope::Route("GET:/a".parse().unwrap());
        let (from, until) = (Timestamp::MIN, Timestamp::MAX);
        ScheduledWindow::of_route(&scope, &position, from, until, &mut windows);
        let calendar = ScheduledWindow::calendar(&windows, interval.start());
        assert!(calendar.lines().all(|line| line.len() <= 75), "{calendar}");
        assert!(calendar.ends_with("END:VEVENT\r\nEND:VCALENDAR\r\n"));
        let unfolded = calendar.replace("\r\n ", "");
        let description = format!("DESCRIPTION:a\\,b\\;c\\\\d {}\r\n", "ü".repeat(60));
        assert!(unfolded.contains(&description), "{unfolded}");
        assert!(unfolded.contains("UID:GET:/a 20300101T020000Z\r\n"));
        assert!(unfolded.contains("DTSTART:20300101T020000Z\r\nDTEND:20300101T040000Z\r\n"));
    }

    #[test]
    fn windows_that_start_together_have_different_ids() {
        let mut windows = Vec::new();
        for end in ["2030-01-01T03:00:00Z", "2030-01-01T04:00:00Z"] {
            let interval = Interval::parse("2030-01-01T02:00:00Z", end).unwrap();
            let mut position = Position::default();
            let reason = "".parse().unwrap();
            position.windows.push(Window { interval, reason });
            let scope = LimitScope::Route("GET:/a".parse().unwrap());
            let (from, until) = (Timestamp::MIN, Timestamp::MAX);
            ScheduledWindow::of_route(&scope, &position, from, until, &mut windows);
        }
        let calendar = ScheduledWindow::calendar(&windows, Timestamp::UNIX_EPOCH);
        let ids = calendar.lines().filter(|line| line.starts_with("UID:"));
        let ids: Vec<&str> = ids.collect();
        assert_eq!(
            ids,
            [
                "UID:GET:/a 20300101T020000Z",
                "UID:GET:/a 20300101T020000Z 2"
            ]
        );
    }
}
