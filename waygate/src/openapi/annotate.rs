//! What the document says about operations that are in maintenance or going away.

use waygate_core::grammar::{format_http_date, format_wire};

use super::{
    filter::{Maintenance, Notes},
    json::Writer,
    parts::Operation,
};

/// Writes an operation with `notes` in place of what it says itself about the same things.
pub(super) fn write(writer: &mut Writer, operation: &Operation, notes: Notes<'_>) {
    let replaced = |name: &str| match name {
        "summary" | "description" | "x-waygate-status" | "x-waygate-reason" | "x-waygate-until" => {
            notes.maintenance.is_some()
        }
        "deprecated" | "x-waygate-sunset" | "x-waygate-successor" => notes.deprecation.is_some(),
        _ => false,
    };
    writer.object(&operation.head, |writer| {
        let kept = |member: &&super::json::Member| !replaced(&member.name);
        writer.members(operation.members.iter().filter(kept));
        if let Some(maintenance) = notes.maintenance {
            writer.member("summary", summary(&operation.summary));
            writer.member(
                "description",
                description(maintenance, &operation.description),
            );
            writer.member("x-waygate-status", "maintenance");
            writer.member("x-waygate-reason", maintenance.reason.as_str());
            if let Some(until) = maintenance.until {
                writer.member("x-waygate-until", format_wire(until, "Z"));
            }
        }
        if let Some(deprecation) = notes.deprecation {
            writer.member("deprecated", true);
            if let Some(sunset) = deprecation.sunset() {
                writer.member("x-waygate-sunset", format_wire(sunset, "Z"));
            }
            if let Some(successor) = deprecation.successor() {
                writer.member("x-waygate-successor", successor.as_str());
            }
        }
    });
}

fn summary(own: &str) -> String {
    match own {
        "" => "🔧 Maintenance".to_owned(),
        own => format!("🔧 {own}"),
    }
}

/// The operation's own description after a block quote in Markdown.
fn description(maintenance: Maintenance<'_>, own: &str) -> String {
    let mut text = String::from("> 🔧 **In maintenance.**");
    if !maintenance.reason.is_empty() {
        text.push(' ');
        escape(maintenance.reason.as_str(), &mut text);
    }
    if let Some(until) = maintenance.until {
        text.push_str("\n>\n> Not served until ");
        text.push_str(&format_http_date(until));
        text.push('.');
    }
    if !own.is_empty() {
        text.push_str("\n\n");
        text.push_str(own);
    }
    text
}

/// Makes one line of free text stand for itself within a line of CommonMark, and within HTML.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '|' | '!' | '^' | '$' => {
                out.extend(['\\', c]);
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(reason: &str, own: &str) -> String {
        let reason = reason.parse().unwrap();
        let maintenance = Maintenance {
            reason: &reason,
            until: None,
        };
        description(maintenance, own)
    }

    #[test]
    fn free_text_stands_for_itself() {
        assert_eq!(
            quote(
                "<script>alert(1)</script> *now* [x](javascript:x) &lt; ~~a~~ `b` \\",
                ""
            ),
            "> 🔧 **In maintenance.** &lt;script&gt;alert(1)&lt;/script&gt; \\*now\\* \
             \\[x\\](javascript:x) &amp;lt; \\~\\~a\\~\\~ \\`b\\` \\\\"
        );
        assert_eq!(
            quote("DB migration, back at 04:00 UTC", ""),
            "> 🔧 **In maintenance.** DB migration, back at 04:00 UTC"
        );
    }

    #[test]
    fn the_own_description_comes_after_the_quote() {
        assert_eq!(
            quote("", "Lists.\n\nAll."),
            "> 🔧 **In maintenance.**\n\nLists.\n\nAll."
        );
    }
}
