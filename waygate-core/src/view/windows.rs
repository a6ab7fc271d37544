use std::collections::BTreeMap;

use jiff::{RoundMode, TimestampRound, Unit};
use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    grammar::{Interval, Reason},
    model::{WindowId, text},
};

/// A maintenance window of a route, of a service or of all routes.
///
/// ```
/// use waygate_core::{Timestamp, view::ScheduledWindow};
///
/// let empty = ScheduledWindow::calendar(&[], Timestamp::UNIX_EPOCH);
/// assert!(empty.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"));
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

impl ScheduledWindow {
    /// A window with a start and an end.
    pub(super) fn one(scope: &str, interval: Interval, reason: &Reason) -> Self {
        Self {
            scope: scope.to_owned(),
            id: Some(interval.into()),
            recurring: None,
            start: interval.start(),
            end: Some(interval.end()),
            reason: reason.clone(),
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
        if windows.is_empty() {
            calendar.time_zone();
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
            self.line(&format!("DTEND:{}", instant(end_second(end))));
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

    /// A calendar needs a component (RFC 5545, section 3.6). Programs do not show time zones.
    fn time_zone(&mut self) {
        for line in [
            "BEGIN:VTIMEZONE",
            "TZID:Etc/UTC",
            "BEGIN:STANDARD",
            "DTSTART:19700101T000000",
            "TZOFFSETFROM:+0000",
            "TZOFFSETTO:+0000",
            "TZNAME:UTC",
            "END:STANDARD",
            "END:VTIMEZONE",
        ] {
            self.line(line);
        }
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

/// The first second that is not before an end: an event has to end after it starts (RFC 5545, section 3.8.2.2).
fn end_second(end: Timestamp) -> Timestamp {
    let second = TimestampRound::new()
        .smallest(Unit::Second)
        .mode(RoundMode::Ceil);
    end.round(second).unwrap_or(end)
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

    fn window(start: &str, end: &str, reason: &str) -> ScheduledWindow {
        let interval = Interval::parse(start, end).unwrap();
        ScheduledWindow::one("GET:/a", interval, &reason.parse().unwrap())
    }

    #[test]
    fn lines_are_folded_and_texts_escaped() {
        let reason = format!("a,b;c\\d {}", "ü".repeat(60));
        let window = window("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z", &reason);
        let start = window.start;
        let calendar = ScheduledWindow::calendar(&[window], start);
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
        let of = |end| window("2030-01-01T02:00:00Z", end, "");
        let windows = ["2030-01-01T03:00:00Z", "2030-01-01T04:00:00Z"].map(of);
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

    /// An event ends after its start, also if both are in one second.
    #[test]
    fn the_end_of_an_event_is_rounded_up() {
        let window = window("2030-01-01T02:00:00.2Z", "2030-01-01T02:00:00.9Z", "");
        let calendar = ScheduledWindow::calendar(&[window], Timestamp::UNIX_EPOCH);
        assert!(calendar.contains("DTSTART:20300101T020000Z\r\nDTEND:20300101T020001Z\r\n"));
    }

    /// A calendar has at least one component (RFC 5545, section 3.6).
    #[test]
    fn a_calendar_without_windows_has_a_component() {
        let calendar = ScheduledWindow::calendar(&[], Timestamp::UNIX_EPOCH);
        let components = calendar.lines().filter(|line| line.starts_with("BEGIN:"));
        let components: Vec<&str> = components.collect();
        assert_eq!(
            components,
            ["BEGIN:VCALENDAR", "BEGIN:VTIMEZONE", "BEGIN:STANDARD"]
        );
        for begin in components {
            let end = begin.replace("BEGIN:", "END:");
            assert_eq!(calendar.lines().filter(|line| *line == end).count(), 1);
        }
        for property in ["TZID:", "DTSTART:", "TZOFFSETFROM:", "TZOFFSETTO:"] {
            assert!(calendar.contains(property), "{property}");
        }
    }
}
