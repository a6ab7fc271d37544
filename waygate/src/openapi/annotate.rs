//! What the document says about operations that are in maintenance or going away.

use std::fmt::{self, Write};

use waygate_core::grammar::{format_http_date, format_wire};

use super::{
    filter::{Maintenance, Notes},
    json::{Member, Writer},
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
        let kept = |member: &&Member| !replaced(&member.name);
        writer.members(operation.members.iter().filter(kept));
        if let Some(maintenance) = notes.maintenance {
            match &*operation.summary {
                "" => writer.member("summary", &"🔧 Maintenance"),
                own => writer.member("summary", &format_args!("🔧 {own}")),
            }
            let quote = Quote(maintenance);
            match &*operation.description {
                "" => writer.member("description", &format_args!("{quote}")),
                own => writer.member("description", &format_args!("{quote}\n\n{own}")),
            }
            writer.member("x-waygate-status", &"maintenance");
            writer.member("x-waygate-reason", maintenance.reason);
            if let Some(until) = maintenance.until {
                writer.member("x-waygate-until", &format_wire(until, "Z"));
            }
        }
        if let Some(deprecation) = notes.deprecation {
            writer.member("deprecated", &true);
            if let Some(sunset) = deprecation.sunset() {
                writer.member("x-waygate-sunset", &format_wire(sunset, "Z"));
            }
            if let Some(successor) = deprecation.successor() {
                writer.member("x-waygate-successor", successor);
            }
        }
    });
}

/// What people read of a maintenance: a block quote in Markdown.
struct Quote<'a>(Maintenance<'a>);

impl fmt::Display for Quote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Maintenance { reason, until } = self.0;
        f.write_str("> 🔧 **In maintenance.**")?;
        if !reason.is_empty() {
            f.write_char(' ')?;
            escape(reason.as_str(), f)?;
        }
        match until {
            Some(until) => write!(f, "\n>\n> Not served until {}.", format_http_date(until)),
            None => Ok(()),
        }
    }
}

/// Makes one line of free text stand for itself within a line of CommonMark, and within HTML.
fn escape(mut text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const MARKUP: [char; 14] = [
        '&', '<', '>', '\\', '`', '*', '_', '~', '[', ']', '|', '!', '^', '$',
    ];
    while let Some(at) = text.find(MARKUP) {
        let (plain, rest) = text.split_at(at);
        f.write_str(plain)?;
        let (markup, rest) = rest.split_at(1);
        match markup {
            "&" => f.write_str("&amp;")?,
            "<" => f.write_str("&lt;")?,
            ">" => f.write_str("&gt;")?,
            markup => write!(f, "\\{markup}")?,
        }
        text = rest;
    }
    f.write_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(reason: &str, until: Option<&str>) -> String {
        let reason = reason.parse().unwrap();
        let maintenance = Maintenance {
            reason: &reason,
            until: until.map(|until| until.parse().unwrap()),
        };
        Quote(maintenance).to_string()
    }

    #[test]
    fn free_text_stands_for_itself() {
        assert_eq!(
            quote(
                "<script>alert(1)</script> *now* [x](javascript:x) &lt; ~~a~~ `b` \\",
                None
            ),
            "> 🔧 **In maintenance.** &lt;script&gt;alert(1)&lt;/script&gt; \\*now\\* \
             \\[x\\](javascript:x) &amp;lt; \\~\\~a\\~\\~ \\`b\\` \\\\"
        );
        assert_eq!(
            quote("DB migration, back at 04:00 UTC", None),
            "> 🔧 **In maintenance.** DB migration, back at 04:00 UTC"
        );
    }

    #[test]
    fn the_end_stands_in_a_paragraph_of_its_own() {
        assert_eq!(
            quote("", Some("2030-01-01T04:00:00Z")),
            "> 🔧 **In maintenance.**\n>\n> Not served until Tue, 01 Jan 2030 04:00:00 GMT."
        );
    }
}
