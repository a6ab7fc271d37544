//! Adds annotations to the operations of the document.

use std::fmt;

use waygate_core::grammar::format_http_date;

use super::{
    answers::Answer,
    extensions,
    json::{Member, Writer},
    markdown::Escaped,
    notes::{Notes, Planned},
    parts::Operation,
};

/// Writes an operation. `notes` replace its own text about the same things.
pub(super) fn write(
    writer: &mut Writer,
    operation: &Operation,
    notes: &Notes<'_>,
    answers: &[Answer],
) {
    let extensions = extensions::of(notes);
    let is_described = notes.maintenance.is_some() || !notes.planned.is_empty();
    let replaced = |name: &str| match name {
        "summary" => notes.maintenance.is_some(),
        "description" => is_described,
        "deprecated" => notes.deprecation.is_some(),
        "responses" => !answers.is_empty(),
        name => extensions.iter().any(|(extension, _)| *extension == name),
    };
    writer.object(&operation.head, |writer| {
        let kept = |member: &&Member| !replaced(&member.name);
        writer.members(operation.members.iter().filter(kept));
        if notes.maintenance.is_some() {
            match &*operation.summary {
                "" => writer.member("summary", &"🔧 Maintenance"),
                own => writer.member("summary", &format_args!("🔧 {own}")),
            }
        }
        if is_described {
            let quote = Quote(notes);
            match &*operation.description {
                "" => writer.member("description", &format_args!("{quote}")),
                own => writer.member("description", &format_args!("{quote}\n\n{own}")),
            }
        }
        if notes.deprecation.is_some() {
            writer.member("deprecated", &true);
        }
        if !answers.is_empty() {
            writer.object("\"responses\":", |writer| {
                writer.members(&operation.responses);
                for answer in answers {
                    answer.write(writer);
                }
            });
        }
        for (name, value) in &extensions {
            writer.member(name, value);
        }
    });
}

/// Maintenances for human readers: block quotes in Markdown.
struct Quote<'a>(&'a Notes<'a>);

impl fmt::Display for Quote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Notes {
            maintenance,
            planned,
            ..
        } = self.0;
        if let Some(maintenance) = maintenance {
            f.write_str("> 🔧 **In maintenance.**")?;
            for (at, reason) in maintenance.reasons().enumerate() {
                let before = if at == 0 { " " } else { "; " };
                write!(f, "{before}{}", Escaped(reason.as_str()))?;
            }
            if let Some(until) = maintenance.until() {
                write!(f, "\n>\n> Not served until {}.", format_http_date(until))?;
            }
        }
        for (at, Planned { start, end, reason }) in planned.iter().enumerate() {
            if at > 0 || maintenance.is_some() {
                f.write_str("\n>\n")?;
            }
            let start = format_http_date(*start);
            write!(f, "> 🕒 **Planned maintenance** from {start}")?;
            if let Some(end) = end {
                write!(f, " to {}", format_http_date(*end))?;
            }
            f.write_str(".")?;
            if !reason.is_empty() {
                write!(f, " {}", Escaped(reason.as_str()))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use waygate_core::{decision::Block, grammar::Reason};

    use super::{super::notes::Maintenance, *};

    fn quote(reason: &str, until: Option<&str>) -> String {
        let reason = reason.parse().unwrap();
        let block = Block::Maintenance {
            reason: &reason,
            until: until.map(|until| until.parse().unwrap()),
        };
        let notes = Notes {
            maintenance: Maintenance::of(block),
            ..Notes::default()
        };
        Quote(&notes).to_string()
    }

    #[test]
    fn free_text_is_escaped() {
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
    fn the_end_is_a_separate_paragraph() {
        assert_eq!(
            quote("", Some("2030-01-01T04:00:00Z")),
            "> 🔧 **In maintenance.**\n>\n> Not served until Tue, 01 Jan 2030 04:00:00 GMT."
        );
    }

    #[test]
    fn planned_maintenances_are_listed_in_order() {
        let [db, none]: [Reason; 2] = ["*db*", ""].map(|reason| reason.parse().unwrap());
        let first = Planned {
            start: "2030-01-01T02:00:00Z".parse().unwrap(),
            end: Some("2030-01-01T04:00:00Z".parse().unwrap()),
            reason: &db,
        };
        let second = Planned {
            start: "2030-02-01T02:00:00Z".parse().unwrap(),
            end: None,
            reason: &none,
        };
        let notes = Notes {
            planned: vec![first, second],
            ..Notes::default()
        };
        assert_eq!(
            Quote(&notes).to_string(),
            "> 🕒 **Planned maintenance** from Tue, 01 Jan 2030 02:00:00 GMT to Tue, 01 Jan 2030 04:00:00 GMT. \\*db\\*\n>\n\
             > 🕒 **Planned maintenance** from Fri, 01 Feb 2030 02:00:00 GMT."
        );
    }
}
