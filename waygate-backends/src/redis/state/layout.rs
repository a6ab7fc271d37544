use serde::Deserialize;
use waygate_core::{StrictJson, model::AuditEntry};

/// The names of the keys. A hash tag keeps them on one node of a cluster, so that one script can use all of them.
#[derive(Debug)]
pub(super) struct Layout {
    /// A hash: `epoch`, `revision`, and `commit`, the id of the last commit.
    pub(super) meta: String,
    /// A hash: the key of an entity, and `<revision> <JSON>`.
    pub(super) entities: String,
    /// A list, newest first. See [`audit_line`].
    pub(super) audit: String,
    /// A list of the last commits, newest first: `<id> <revision>`.
    pub(super) commits: String,
    /// A list of facts, newest first.
    pub(super) facts: String,
    /// A key that health checks write; expires.
    pub(super) probe: String,
    /// A channel: `<epoch> <revision>`.
    pub(super) changes: String,
}

impl Layout {
    pub(super) fn new(prefix: &str) -> Self {
        let name = |last: &str| format!("{prefix}:{{state}}:{last}");
        Self {
            meta: name("meta"),
            entities: name("entities"),
            audit: name("audit"),
            commits: name("commits"),
            facts: name("facts"),
            probe: name("probe"),
            changes: name("changes"),
        }
    }
}

/// Formats an entry for the list, except for its revision in front. Path and service precede the entry, so that Redis
/// can filter without parsing JSON: `<bytes of path> <bytes of service, or -1> <path><service><entry>`.
pub(super) fn audit_line(entry: &AuditEntry) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(entry)?;
    let (path, service) = (&entry.path, entry.service.as_deref());
    let (path_length, text) = (path.len(), service.unwrap_or_default());
    Ok(match service {
        Some(service) => format!("{path_length} {} {path}{text}{json}", service.len()),
        None => format!("{path_length} -1 {path}{json}"),
    })
}

/// Parses a stored entry. Returns `None` for any other line.
pub(super) fn audit_entry(line: &[u8]) -> Option<AuditEntry> {
    let (revision, rest) = number(line)?;
    let (path, rest) = number(rest)?;
    let (service, rest) = match rest.strip_prefix(b"-1 ") {
        Some(rest) => (0, rest),
        None => number(rest)?,
    };
    let before = usize::try_from(path.checked_add(service)?).ok()?;
    let json = serde_json::from_slice(rest.get(before..)?).ok()?;
    let mut entry = AuditEntry::deserialize(StrictJson(json)).ok()?;
    entry.revision = revision;
    Some(entry)
}

/// Splits a stored text into its leading number and the rest after the space.
pub(super) fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let number = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    Some((number, &text[space + 1..]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(path: &str, service: Option<&str>) -> AuditEntry {
        serde_json::from_value(json!({
            "id": "0b8955c8-622a-45a8-8fd8-0e57924ec972",
            "timestamp": "2026-11-22T22:16:37Z",
            "path": path,
            "service": service,
            "action": "enable",
        }))
        .unwrap()
    }

    #[test]
    fn an_audit_line_round_trips() {
        for (path, service) in [
            ("", None),
            ("/a", Some("")),
            ("/grüße 1 2", Some("-1 ")),
            ("3 {", Some("{}")),
        ] {
            let mut written = entry(path, service);
            written.revision = 7;
            let line = format!("7 {}", audit_line(&written).unwrap());
            assert_eq!(audit_entry(line.as_bytes()), Some(written));
        }
    }

    #[test]
    fn foreign_audit_lines_are_ignored() {
        for line in [
            "",
            "7",
            "7 1",
            "7 1 x {}",
            "7 99 -1 {}",
            "x 1 -1 a{}",
            "7 1 -1 a{}",
            // The fields without their names.
            r#"7 2 -1 /a["0b8955c8-622a-45a8-8fd8-0e57924ec972","2026-11-22T22:16:37Z","/a",null,"enable","a","sdk","",null,null,7,null,null]"#,
        ] {
            assert_eq!(audit_entry(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn all_keys_have_one_hash_tag() {
        let layout = Layout::new("shop");
        assert_eq!(layout.meta, "shop:{state}:meta");
        for key in [
            &layout.entities,
            &layout.audit,
            &layout.commits,
            &layout.facts,
            &layout.probe,
        ] {
            assert!(key.starts_with("shop:{state}:"));
        }
    }
}
