//! The bodies of messages.

mod cloudevents;
mod message;
mod python;
mod slack;
mod template;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::WebhookEvent;
use crate::{grammar::Invalid, model::AuditEntry};

pub use message::Message;
use message::json;

/// The form of a body.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Action, AuditEntry, Origin},
///     webhook::WebhookFormat,
/// };
///
/// let line = AuditEntry::new(&Origin::system(), Action::Disable, "GET:/a", Timestamp::now());
/// let message = WebhookFormat::Slack.message(&line, false)?.unwrap();
/// assert!(String::from_utf8(message.body).unwrap().contains("route.disabled"));
///
/// let endless = "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}";
/// let template = WebhookFormat::Template {
///     source: endless.to_owned(),
///     content_type: "text/plain".to_owned(),
/// };
/// assert!(template.check().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WebhookFormat {
    /// `{"type", "timestamp", "data"}`.
    #[default]
    Standard,
    /// The body of Python Waygate, for its three events; no other is sent.
    Python,
    /// The attachments of Python Waygate for Slack, for its three events.
    PythonSlack,
    /// Blocks for Slack.
    Slack,
    /// CloudEvents 1.0, in structured mode.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// A template of minijinja with `id`, `type`, `timestamp` and `data`.
    Template {
        /// The template. In JSON, values are quoted: `{"text": {{ data.reason }}}`.
        source: String,
        /// The type of the body. Default: `application/json`.
        #[serde(default = "json")]
        content_type: String,
    },
}

/// A template may have a secret, such as the key of a pager.
impl fmt::Debug for WebhookFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl WebhookFormat {
    /// The name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Python => "python",
            Self::PythonSlack => "python_slack",
            Self::Slack => "slack",
            Self::CloudEvents => "cloudevents",
            Self::Template { .. } => "template",
        }
    }

    /// The message about an entry; `None` if the format has none for it.
    ///
    /// # Errors
    /// The failure of a template. Repeating it has the same result.
    pub fn message(&self, entry: &AuditEntry, thin: bool) -> Result<Option<Message>, String> {
        let Some(mut event) = WebhookEvent::of(entry) else {
            return Ok(None);
        };
        if thin {
            event.make_thin();
        }
        match self {
            Self::Standard => Message::json(&event).map(Some),
            Self::Python => python::body(entry)
                .map(|body| Message::json(&body))
                .transpose(),
            Self::PythonSlack => slack::attachments(entry)
                .map(|body| Message::json(&body))
                .transpose(),
            Self::Slack => Message::json(&slack::blocks(&event)).map(Some),
            Self::CloudEvents => cloudevents::message(&event).map(Some),
            Self::Template {
                source,
                content_type,
            } => template::message(source, content_type, &event).map(Some),
        }
    }

    /// Checks a template by rendering an example.
    ///
    /// # Errors
    /// The mistake of the template.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Template {
                source,
                content_type,
            } => template::check(source, content_type),
            _ => Ok(()),
        }
    }
}
