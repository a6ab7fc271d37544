//! One attempt to deliver one event.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use http::HeaderValue;
use waygate_core::{
    Printable, Timestamp,
    grammar::PolicyName,
    model::AuditEntry,
    webhook::{
        EventType, Message, THROTTLE, WebhookDefinition, WebhookFormat, event_id, pause_after,
    },
};

use super::{
    hub::Hub,
    progress::later,
    records::{AttemptOutcome, WebhookAttempt},
    send::Attempted,
};
use crate::engine::kinds::Delivery;

/// The most bytes of a message in a format of the application.
const MAX_MESSAGE: usize = 1024 * 1024;

/// An event to deliver.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) entry: Arc<AuditEntry>,
    /// The attempts before this one.
    pub(super) attempts: u32,
    /// Its index in the page of the log; `None` if it failed before.
    pub(super) index: Option<usize>,
}

impl Hub {
    /// The body of an event: from the application's formatter, or else from the format of the endpoint.
    async fn message(
        &self,
        name: &PolicyName,
        endpoint: &WebhookDefinition,
        entry: &AuditEntry,
    ) -> Result<Option<Message>, String> {
        let formatter = self.formatters.get(name);
        let thin = endpoint.thin;
        if let (None, template @ WebhookFormat::Template { .. }) = (formatter, &endpoint.format) {
            // It may take milliseconds.
            let (template, entry) = (template.clone(), entry.clone());
            let render = tokio::task::spawn_blocking(move || template.message(&entry, thin));
            let rendered = match render.await {
                Ok(rendered) => rendered,
                // The runtime ends, and this task with it.
                Err(ended) if ended.is_cancelled() => std::future::pending().await,
                Err(panicked) => Err(panicked.to_string()),
            };
            return rendered?.map(checked).transpose();
        }
        let format = || match formatter {
            Some(formatter) => formatter.message(entry),
            None => endpoint.format.message(entry, thin),
        };
        let formatted = catch_unwind(AssertUnwindSafe(format)).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(format!(
                "the formatter panicked: {}",
                said.unwrap_or_default()
            ))
        })?;
        formatted.map(checked).transpose()
    }

    /// Makes one attempt, and lists it. `None` if the endpoint gets no message about this entry, or
    /// has it already.
    pub(super) async fn deliver(
        &self,
        name: &PolicyName,
        endpoint: &WebhookDefinition,
        entry: &AuditEntry,
        attempt: u32,
        now: Timestamp,
    ) -> Option<Attempted> {
        if self.was_early(name, entry.id) {
            return None;
        }
        let since = Instant::now();
        let attempted = match self.message(name, endpoint, entry).await {
            Ok(None) => return None,
            Ok(Some(message)) => {
                let id = event_id(entry.id);
                let trace = entry.traceparent;
                self.sender.send(endpoint, &id, message, trace, now).await
            }
            Err(problem) => {
                tracing::error!(webhook = %Printable(name), entry = %Printable(entry.id), problem = %Printable(&problem), "an event cannot be formatted");
                Attempted {
                    outcome: AttemptOutcome::Unformatted,
                    ..Attempted::failed(problem, since)
                }
            }
        };
        self.note(
            name,
            WebhookAttempt {
                id: event_id(entry.id),
                event: EventType::of(entry)
                    .map_or("", EventType::as_str)
                    .to_owned(),
                subject: entry.path.clone(),
                at: now,
                attempt,
                outcome: attempted.outcome,
                status: attempted.status,
                duration_ms: attempted.duration.as_secs_f64() * 1_000.0,
                error: attempted.error.clone(),
                answer: attempted.answer.clone(),
            },
        );
        Some(attempted)
    }
}

/// Checks what no repetition of an attempt would change.
fn checked(message: Message) -> Result<Message, String> {
    let (size, kind) = (message.body.len(), &message.content_type);
    if size > MAX_MESSAGE {
        return Err(format!(
            "the message has {size} bytes, more than {MAX_MESSAGE}"
        ));
    }
    match HeaderValue::from_str(kind) {
        Ok(_) => Ok(message),
        Err(_) => Err(format!(
            "the message has the content type {kind:?}, which is no header value"
        )),
    }
}

impl Job {
    /// The record of an event after a failed attempt.
    pub(super) fn failed(&self, attempted: &Attempted, now: Timestamp) -> Delivery {
        let attempts = self.attempts + 1;
        let is_final = matches!(
            attempted.outcome,
            AttemptOutcome::Gone | AttemptOutcome::Unformatted
        );
        let pause = pause_after(attempts, random()).filter(|_| !is_final);
        let pause = pause.map(|pause| pause.max(attempted.pause.unwrap_or_default()));
        Delivery {
            entry: self.entry.clone(),
            attempts,
            next: pause.map(|pause| later(now, pause)),
            failed_at: now,
            error: attempted.problem(),
        }
    }
}

/// The end of the pause of a whole endpoint.
pub(super) fn throttle(attempted: &Attempted, now: Timestamp) -> Option<Timestamp> {
    let is_throttled = attempted.outcome == AttemptOutcome::Throttled;
    is_throttled.then(|| later(now, attempted.pause.unwrap_or(THROTTLE)))
}

pub(super) fn random() -> f64 {
    let bytes = *uuid::Uuid::new_v4().as_bytes();
    f64::from(u16::from_be_bytes([bytes[0], bytes[1]])) / f64::from(u16::MAX)
}
