use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::stream;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use waygate_core::{
    grammar::ServiceName,
    model::{AuditEntry, GlobalMaintenance, LimitKey, Revision, RouteKey},
    port::EntityKey,
};

use super::{ConcurrencyRecord, LimitRecord, RouteRecord};

/// Something that has changed, after it took effect.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A route was changed: by an operator, by time, or in another process.
    Route {
        /// The route as it is now.
        route: Box<RouteRecord>,
        /// The line in the audit log; `None` when another process wrote it.
        audit: Option<Box<AuditEntry>>,
    },
    /// A stored route that the code no longer has was forgotten.
    RoutePurged {
        /// The route.
        key: RouteKey,
        /// The store's revision.
        revision: Revision,
        /// The line in the audit log; `None` when another process wrote it.
        audit: Option<Box<AuditEntry>>,
    },
    /// Global maintenance was changed.
    Global {
        /// The setting as it is now.
        global: GlobalMaintenance,
        /// The store's revision.
        revision: Revision,
        /// The line in the audit log; `None` when another process wrote it.
        audit: Option<Box<AuditEntry>>,
    },
    /// Maintenance of one service was changed.
    Service {
        /// The service.
        service: ServiceName,
        /// The setting as it is now.
        maintenance: GlobalMaintenance,
        /// The store's revision.
        revision: Revision,
        /// The line in the audit log; `None` when another process wrote it.
        audit: Option<Box<AuditEntry>>,
    },
    /// A rate limit policy was changed, or counters of it were reset: all, or those of one key.
    RateLimit {
        /// The policy.
        key: LimitKey,
        /// The policy as it is now; `None` when there is none any more.
        limit: Option<Box<LimitRecord>>,
        /// The line in the audit log; `None` when another process wrote it.
        audit: Option<Box<AuditEntry>>,
    },
    /// A limit of concurrency was changed.
    Concurrency {
        /// The policy.
        key: LimitKey,
        /// The policy as it is now; `None` when there is none any more.
        limit: Option<Box<ConcurrencyRecord>>,
        /// The line in the audit log; `None` when another process wrote it.
        audit: Option<Box<AuditEntry>>,
    },
    /// Records of other parts of Waygate were changed, such as tokens of the admin API.
    Records {
        /// The keys under which they are stored; empty when only the audit log was written.
        keys: Vec<EntityKey>,
        /// The store's revision.
        revision: Revision,
        /// The line in the audit log; `None` when another process wrote it.
        audit: Option<Box<AuditEntry>>,
    },
    /// A store that had lost everything was given back what it had held.
    StoreReseeded {
        /// The store's revision.
        revision: Revision,
        /// The line in the audit log; `None` when another process wrote it.
        audit: Option<Box<AuditEntry>>,
    },
    /// This many events were missed, because the subscriber was too slow. Read the current state anew.
    Missed(u64),
}

impl Event {
    /// The line in the audit log, when this process wrote it.
    pub fn audit(&self) -> Option<&AuditEntry> {
        match self {
            Self::Route { audit, .. }
            | Self::RoutePurged { audit, .. }
            | Self::Global { audit, .. }
            | Self::Service { audit, .. }
            | Self::RateLimit { audit, .. }
            | Self::Concurrency { audit, .. }
            | Self::Records { audit, .. }
            | Self::StoreReseeded { audit, .. } => audit.as_deref(),
            Self::Missed(_) => None,
        }
    }
}

/// A stream of [`Event`]s, from the moment of the subscription on. Ends with the engine, or with
/// [`Waygate::shutdown`](super::Waygate::shutdown).
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

    /// The next event; `None` when the engine is gone or shut down.
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
