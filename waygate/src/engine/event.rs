use std::{
    any::Any,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use waygate_core::model::{AuditEntry, GlobalMaintenance, Revision};

use super::{
    ConcurrencyRecord, LimitRecord, RouteRecord,
    store::{Record, Shown},
};

/// A message to subscribers, sent after the change has taken effect.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, events::Event};
/// # use waygate::model::RouteState;
///
/// let waygate = Waygate::builder().build().await?;
/// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// let mut events = waygate.subscribe();
/// waygate.system().disable("GET:/payments", "incident 12").await?;
/// match events.next().await {
///     Some(Event::Changed(changed)) => assert_eq!(changed.key, "GET:/payments"),
///     Some(Event::Missed(count)) => println!("{count} events were missed"),
///     _ => println!("the engine has ended"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A record was changed: by an operator, by a schedule, or in another process.
    Changed(Changed),
    /// The number of events that were missed because the subscriber was too slow. Read the current state to catch up.
    Missed(u64),
}

/// One changed record. A change with several audit lines sends one event for each.
///
/// | `kind` | `key` | the record |
/// |---|---|---|
/// | `route` | `GET:/payments` | [`route`](Self::route); none after a purge |
/// | `maintenance` | `*`, or `service:billing` | [`maintenance`](Self::maintenance) |
/// | `limit` | `GET:/search#default` | [`rate_limit`](Self::rate_limit), after a change or a reset; none after the last limit was deleted |
/// | `concurrency` | `GET:/search#default` | [`concurrency_limit`](Self::concurrency_limit) |
/// | a setting, such as `announcement` | its name | its JSON form, see [`record`](Self::record) |
/// | `token`, `login` | its id | none: they hold secrets |
/// | `store` | empty | none: a store that had lost its records was restored |
/// | `audit` | the path in the audit log | none: only the audit log was written |
///
/// More kinds may be added.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate};
/// # use waygate::model::RouteState;
///
/// let waygate = Waygate::builder().build().await?;
/// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// let mut events = waygate.subscribe();
/// waygate.system().disable("GET:/payments", "incident 12").await?;
/// let event = events.next().await.expect("a change");
/// let changed = event.changed().expect("a record");
/// assert_eq!((changed.kind, changed.key.as_str()), ("route", "GET:/payments"));
/// assert_eq!(changed.route().map(|route| route.view.status.as_str()), Some("disabled"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Changed {
    /// Returns the kind of the record.
    pub kind: &'static str,
    /// Returns the name of the record.
    pub key: String,
    /// Returns the store's revision.
    pub revision: Revision,
    /// Returns the line of the audit log; `None` if another process wrote it.
    pub audit: Option<Arc<AuditEntry>>,
    record: Option<Arc<dyn Record>>,
}

impl Changed {
    pub(crate) fn new(shown: &Shown, revision: Revision, audit: Option<Arc<AuditEntry>>) -> Self {
        Self {
            kind: shown.kind,
            key: shown.key.clone(),
            revision,
            audit,
            record: shown.record.clone(),
        }
    }

    /// Returns the record as JSON; `None` if it was deleted or is not shown.
    pub fn record(&self) -> Option<Value> {
        self.record.as_ref().map(|record| record.json())
    }

    /// The current route.
    pub fn route(&self) -> Option<&RouteRecord> {
        self.as_type()
    }

    /// The current global or service maintenance.
    pub fn maintenance(&self) -> Option<&GlobalMaintenance> {
        self.as_type()
    }

    /// The current rate limit.
    pub fn rate_limit(&self) -> Option<&LimitRecord> {
        self.as_type()
    }

    /// The current concurrency limit.
    pub fn concurrency_limit(&self) -> Option<&ConcurrencyRecord> {
        self.as_type()
    }

    fn as_type<T: 'static>(&self) -> Option<&T> {
        let record: &dyn Any = &**self.record.as_ref()?;
        record.downcast_ref()
    }
}

impl Event {
    /// Returns the changed record.
    pub fn changed(&self) -> Option<&Changed> {
        match self {
            Self::Changed(changed) => Some(changed),
            Self::Missed(_) => None,
        }
    }

    /// Returns the line of the audit log, if this process wrote it.
    pub fn audit(&self) -> Option<&AuditEntry> {
        self.changed()?.audit.as_deref()
    }
}

/// A stream of [`Event`]s, starting with the subscription. Ends with the engine, or with
/// [`Waygate::shutdown`](super::Waygate::shutdown).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate};
/// # use waygate::model::RouteState;
///
/// let waygate = Waygate::builder().build().await?;
/// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// let mut events = waygate.subscribe();
/// waygate.system().disable("GET:/payments", "incident 12").await?;
/// let event = events.next().await.expect("a change");
/// assert_eq!(event.audit().map(|line| line.reason.as_str()), Some("incident 12"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Events(Pin<Box<dyn Stream<Item = Event> + Send + Sync>>);

impl Events {
    pub(crate) fn new(receiver: Receiver<Event>) -> Self {
        Self(Box::pin(stream::unfold(
            receiver,
            |mut receiver| async move {
                match receiver.recv().await {
                    Ok(event) => Some((event, receiver)),
                    Err(RecvError::Lagged(missed)) => Some((Event::Missed(missed), receiver)),
                    Err(RecvError::Closed) => None,
                }
            },
        )))
    }

    /// Returns the next event; `None` after the engine is dropped or shut down.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.0.as_mut().poll_next(context)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
