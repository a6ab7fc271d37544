//! Outages of the store. Without the store, there is no outbox: each process sends `store.degraded` itself, with the id
//! that the line in the audit log gets after the outage.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;
use waygate_core::{
    Printable, Timestamp,
    grammar::PolicyName,
    model::{Action, AuditEntry, Origin, Revision},
    webhook::{EventType, pause_after},
};

use super::{job::random, once::Once, progress::later, records::AttemptOutcome, turn::change};
use crate::engine::{Component, Inner};

/// The time after which an outage is reported. Shorter ones are not.
const GRACE: Duration = Duration::from_secs(10);
/// The subject of events about the store in the audit log.
const PATH: &str = "__store__";

/// The outage of now.
#[derive(Debug, Default)]
pub(super) struct Outages(Option<Outage>);

#[derive(Debug)]
struct Outage {
    since: Timestamp,
    /// The event about its start, once it is reported.
    line: Option<Arc<AuditEntry>>,
    /// Sends the event without the outbox. Aborted after the outage.
    sending: JoinSet<()>,
}

impl Outages {
    pub(super) async fn look(&mut self, inner: &Arc<Inner>) {
        let degraded = inner.monitor.current().remove(&Component::Store);
        let now = inner.clock.now();
        match (degraded, &mut self.0) {
            (None, None) => {}
            (Some(degraded), None) => {
                self.0 = Some(Outage {
                    since: degraded.since,
                    line: None,
                    sending: JoinSet::new(),
                });
            }
            (Some(_), Some(outage))
                if outage.line.is_none() && later(outage.since, GRACE) <= now =>
            {
                outage.start(inner);
            }
            (Some(_), Some(_)) => {}
            (None, Some(outage)) => match outage.end(inner, now).await {
                Ok(()) => self.0 = None,
                // The store is not available after all, or another change was faster: the next look tries again.
                Err(error) => {
                    tracing::debug!(error = %Printable(&error), "the end of an outage cannot be written");
                }
            },
        }
    }
}

impl Outage {
    fn start(&mut self, inner: &Arc<Inner>) {
        let mut line = line("store_degraded", self.since);
        let revision = inner.snapshot.load().revision;
        line.id = id(revision);
        line.revision = revision.number;
        "the store cannot be read or written".clone_into(&mut line.reason);
        let line = Arc::new(line);
        for (name, _) in inner.endpoints_for(EventType::StoreDegraded) {
            let (engine, line) = (Arc::downgrade(inner), line.clone());
            self.sending.spawn(send(engine, name, line));
        }
        self.line = Some(line);
    }

    async fn end(
        &mut self,
        inner: &Arc<Inner>,
        now: Timestamp,
    ) -> Result<(), crate::engine::ChangeError> {
        self.sending.abort_all();
        let Some(degraded) = &self.line else {
            return Ok(());
        };
        let is_wanted = [EventType::StoreDegraded, EventType::StoreRecovered]
            .into_iter()
            .any(|event| !inner.endpoints_for(event).is_empty());
        if !is_wanted {
            return Ok(());
        }
        let mut recovered = line("store_recovered", now);
        let seconds = now.duration_since(self.since).as_secs();
        recovered.reason = format!("after {seconds} s");
        recovered.new = Some(json!({ "degraded_since": self.since }));
        let once = Once {
            group: "store".into(),
            name: "recovered".to_owned(),
            since: self.since,
            until: now,
            lines: vec![AuditEntry::clone(degraded), recovered],
        };
        change(inner, once).await.map(|_| ())
    }
}

fn line(action: &str, at: Timestamp) -> AuditEntry {
    AuditEntry::new(&Origin::system(), Action::from(action), PATH, at)
}

/// The id of the outage after a revision, the same in every process that has read this revision.
fn id(last: Revision) -> Uuid {
    let text = format!("store.degraded {} {}", last.epoch, last.number);
    let hash = hmac_sha256::Hash::hash(text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Makes attempts at the schedule of retries until one succeeds.
async fn send(engine: Weak<Inner>, name: PolicyName, line: Arc<AuditEntry>) {
    for attempt in 1.. {
        let Some(inner) = engine.upgrade() else {
            return;
        };
        let mut endpoints = inner.endpoints_for(EventType::StoreDegraded).into_iter();
        let Some((_, endpoint)) =
            endpoints.find(|(known, endpoint)| *known == name && endpoint.filter.matches(&line))
        else {
            return;
        };
        let (hub, now) = (&inner.webhooks, inner.clock.now());
        let attempted = hub.deliver(&name, &endpoint, &line, attempt, now).await;
        match attempted.map(|attempted| attempted.outcome) {
            Some(AttemptOutcome::Delivered) => return hub.note_early(&name, line.id),
            None | Some(AttemptOutcome::Gone | AttemptOutcome::Unformatted) => return,
            Some(_) => {}
        }
        let Some(pause) = pause_after(attempt, random()) else {
            return;
        };
        let clock = inner.clock.clone();
        drop(inner);
        clock.sleep_until(later(clock.now(), pause)).await;
    }
}
