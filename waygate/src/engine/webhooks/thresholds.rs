//! Rate limits that clients have come near, from the counts that the admin API and metrics show.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::json;
use waygate_core::{
    Printable, Timestamp,
    model::{Action, AuditEntry, LimitKey, Origin},
    webhook::EventType,
};

use super::{once::Once, progress::later, turn::change};
use crate::engine::{
    ChangeError, Inner,
    limits::{Policy, Pressure, audit_path, service},
};

/// The least time between two events about one policy.
const LEAST: Duration = Duration::from_secs(60);

/// The counts of the last look, while an endpoint wants these events.
#[derive(Debug, Default)]
pub(super) struct Thresholds(Option<HashMap<LimitKey, Known>>);

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    seen: Pressure,
    /// The counts of the last event.
    reported: Pressure,
    /// The earliest time of the next event.
    until: Option<Timestamp>,
}

impl Thresholds {
    pub(super) async fn look(&mut self, inner: &Arc<Inner>) {
        if inner.endpoints_for(EventType::LimitThreshold).is_empty() {
            self.0 = None;
            return;
        }
        let (snapshot, now) = (inner.snapshot.load_full(), inner.clock.now());
        let is_first = self.0.is_none();
        let mut last = self.0.take().unwrap_or_default();
        let mut next = HashMap::new();
        for policy in snapshot.all_limits().flat_map(|own| own.rates.iter()) {
            let pressure = policy.stats.pressure();
            let mut known = last.remove(&policy.key).unwrap_or_default();
            if is_first {
                known.reported = pressure;
            } else if pressure != known.seen && known.until.is_none_or(|until| until <= now) {
                let instant = u64::try_from(now.as_nanosecond()).unwrap_or_default();
                let window = policy.shortest_window(instant);
                let window = window.map_or(LEAST, Duration::from_secs).max(LEAST);
                known.until = Some(later(now, window));
                match report(inner, policy, known, pressure, now).await {
                    Ok(true) => known.reported = pressure,
                    // The event of another process does not have the counts of this one.
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(policy = %Printable(&policy.key), error = %Printable(&error), "the event `limit.threshold` cannot be written");
                        known.until = Some(later(now, LEAST));
                        next.insert(policy.key.clone(), known);
                        continue;
                    }
                }
            }
            known.seen = pressure;
            next.insert(policy.key.clone(), known);
        }
        self.0 = Some(next);
    }
}

/// Writes an event. Returns `false` if another process was first.
async fn report(
    inner: &Arc<Inner>,
    policy: &Policy,
    known: Known,
    pressure: Pressure,
    now: Timestamp,
) -> Result<bool, ChangeError> {
    let scope = &policy.key.scope;
    let (action, origin) = (Action::from("limit_threshold"), Origin::system());
    let mut line = AuditEntry::new(&origin, action, audit_path(scope), now);
    line.service = service(scope);
    let since = |of: fn(&Pressure) -> u64| of(&pressure).saturating_sub(of(&known.reported));
    let refused = since(|it| it.refused);
    line.reason = match refused {
        0 => "clients are near the limit".to_owned(),
        1 => "1 request was refused".to_owned(),
        _ => format!("{refused} requests were refused"),
    };
    line.new = Some(json!({
        "policy": policy.key.name,
        "limit": policy.fields.limit.to_string(),
        "near": since(|it| it.near),
        "refused": refused,
        "would_refuse": since(|it| it.would_refuse),
    }));
    let once = Once {
        group: "limits".into(),
        name: policy.key.to_string(),
        since: now,
        until: known.until.unwrap_or(now),
        lines: vec![line],
    };
    change(inner, once).await
}
