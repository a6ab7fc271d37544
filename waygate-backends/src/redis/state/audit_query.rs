//! Queries of the audit log as arguments of `audit.lua`.

use redis::Cmd;
use waygate_core::{Timestamp, port::AuditQuery};

/// What the script returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The entries of the page.
    Page,
    /// The number of entries on all pages.
    Count,
}

/// Writes the arguments, in the order of the script.
pub(super) fn write(query: &AuditQuery, answer: Answer, command: &mut Cmd) {
    command.arg(u8::from(answer == Answer::Count));
    command.arg(count(query.limit)).arg(count(query.offset));
    let id = query.id.map(|id| id.to_string());
    let bytes = query.max_bytes.map(|bytes| count(bytes).to_string());
    for option in [&query.path, &query.service, &id, &bytes] {
        command.arg(u8::from(option.is_some()));
        command.arg(option.as_deref().unwrap_or_default());
    }
    command.arg(u8::from(query.oldest_first));
    let after = query.after;
    let revision = after.map(|place| place.revision.to_string());
    command.arg(revision.unwrap_or_default());
    let entry = after.and_then(|place| place.entry);
    command.arg(entry.map(|id| id.to_string()).unwrap_or_default());
    for name in [&query.actor, &query.platform] {
        command.arg(name.as_deref().map(as_stored).unwrap_or_default());
    }
    for time in [query.since, query.until] {
        command.arg(time.map(comparable).unwrap_or_default());
    }
    for pattern in &query.actions {
        command.arg(pattern.as_str());
    }
}

/// No log is long enough to exceed the precision of numbers in Lua.
fn count(count: usize) -> usize {
    count.min(u32::MAX as usize)
}

/// The JSON of a string, as in a stored entry.
fn as_stored(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A time that compares as a string with the stored ones, which have microseconds: without the `Z`, since `.` would
/// precede it.
fn comparable(time: Timestamp) -> String {
    let known = Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
    let text = known.to_string();
    text.strip_suffix('Z').map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_compare_as_strings() {
        let of = |text: &str| comparable(text.parse().unwrap());
        let ordered = [
            "-000001-01-01T00:00:00Z",
            "2026-11-22T22:16:37Z",
            "2026-11-22T22:16:37.000001Z",
            "2026-11-22T22:16:37.49Z",
            "2026-11-22T22:16:37.5Z",
            "2026-11-22T22:16:38Z",
        ];
        assert!(ordered.map(of).is_sorted());
        assert_eq!(
            of("2026-11-22T22:16:37.0000019Z"),
            of("2026-11-22T22:16:37.000001Z")
        );
    }
}
