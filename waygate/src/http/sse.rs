//! Server-Sent Events (WHATWG HTML, section 9.2): permits for open streams, a heartbeat, and the response.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt};
use http::{StatusCode, header};
use tokio::sync::oneshot;

/// The maximum interval between two events of a stream.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The heartbeat of a stream.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(all(feature = "ofrep", feature = "swagger-ui")),
    allow(dead_code, reason = "each is for one feature")
)]
pub(crate) enum Heartbeat {
    /// The event `alive`. A page cannot see comments, and so could not detect a dead connection.
    Event,
    /// A comment, which clients ignore.
    Comment,
}

impl Heartbeat {
    fn keep_alive(self) -> KeepAlive {
        let keep_alive = KeepAlive::new().interval(HEARTBEAT);
        match self {
            Self::Event => keep_alive.event(Event::default().event("alive").data("")),
            Self::Comment => keep_alive,
        }
    }
}

/// The network of one client. `None` represents all clients with an unknown address.
pub(crate) type Client = Option<IpAddr>;

/// Limits the number of open streams, in total and per client. Clones share the limits.
#[derive(Debug, Clone)]
pub(crate) struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    most_of_a_client: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// The number of streams of all clients.
    count: usize,
    last: u64,
    /// The streams of each client, oldest first.
    by_client: HashMap<Client, VecDeque<Entry>>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    /// Dropped to end the stream.
    _end: oneshot::Sender<()>,
}

/// The permit of one stream, released on drop.
#[derive(Debug)]
struct Permit {
    streams: Streams,
    client: Client,
    id: u64,
    end: oneshot::Receiver<()>,
}

impl Streams {
    pub(crate) fn new(most: usize, most_of_a_client: usize) -> Self {
        Self(Arc::new(Shared {
            most,
            most_of_a_client,
            open: Mutex::default(),
        }))
    }

    /// Responds to `client` with `events`, or with 503 if too many streams are open.
    pub(crate) fn respond<E>(
        &self,
        client: Client,
        heartbeat: Heartbeat,
        events: impl FnOnce() -> E,
    ) -> Response
    where
        E: Stream<Item = Event> + Send + 'static,
    {
        let Some(permit) = self.acquire(client) else {
            let later = [(header::RETRY_AFTER, "30")];
            let problem = "too many open event streams; try again later";
            return (StatusCode::SERVICE_UNAVAILABLE, later, problem).into_response();
        };
        let events = events().map(Ok::<_, Infallible>).take_until(permit.ended());
        let events = Sse::new(events).keep_alive(heartbeat.keep_alive());
        // Disables response buffering in nginx, which would delay events.
        ([("x-accel-buffering", "no")], events).into_response()
    }

    /// Acquires a permit for one more stream of `client`. Ends the client's oldest stream if it has the maximum.
    /// `None` if the total is reached.
    ///
    /// Clients without an address share a limit and do not end each other's streams. They yield to clients with an
    /// address: if the total is reached, the oldest stream without an address ends.
    fn acquire(&self, client: Client) -> Option<Permit> {
        let mut open = self.open();
        if client.is_some() && open.of(client) >= self.0.most_of_a_client {
            open.end_oldest(client);
        }
        if client.is_some() && open.count >= self.0.most {
            open.end_oldest(None);
        }
        if open.count >= self.0.most {
            return None;
        }
        let (sender, end) = oneshot::channel();
        open.last += 1;
        open.count += 1;
        let id = open.last;
        let own = open.by_client.entry(client).or_default();
        own.push_back(Entry { id, _end: sender });
        let streams = self.clone();
        Some(Permit {
            streams,
            client,
            id,
            end,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn of(&self, client: Client) -> usize {
        self.by_client.get(&client).map_or(0, VecDeque::len)
    }

    fn end_oldest(&mut self, client: Client) {
        let own = self.by_client.get_mut(&client);
        if own.and_then(VecDeque::pop_front).is_some() {
            self.count -= 1;
        }
    }

    fn release(&mut self, client: Client, id: u64) {
        let Some(own) = self.by_client.get_mut(&client) else {
            return;
        };
        let before = own.len();
        own.retain(|entry| entry.id != id);
        self.count -= before - own.len();
        if own.is_empty() {
            self.by_client.remove(&client);
        }
    }
}

impl Permit {
    /// Resolves when the stream has to end. Holds the permit until then.
    async fn ended(mut self) {
        // Nothing is sent on this channel.
        let _ = (&mut self.end).await;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.streams.open().release(self.client, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u8) -> Client {
        Some(IpAddr::from([192, 0, 2, n]))
    }

    fn has_ended(permit: &mut Permit) -> bool {
        permit.end.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn a_client_that_asks_for_too_many_loses_its_oldest() {
        let streams = Streams::new(10, 3);
        let mut own: Vec<Permit> = (0..5)
            .map(|_| streams.acquire(client(1)).unwrap())
            .collect();
        let ended: Vec<bool> = own.iter_mut().map(has_ended).collect();
        assert_eq!(ended, [true, true, false, false, false]);
        assert_eq!(streams.open().count, 3);
        let mut other = streams.acquire(client(2)).unwrap();
        assert!(!has_ended(&mut other));
        // Dropping a permit whose stream was already ended does not release it twice.
        drop(own);
        assert_eq!(streams.open().count, 1);
        drop(other);
        assert!(streams.open().by_client.is_empty());
    }

    #[test]
    fn all_together_have_a_bound_as_well() {
        let streams = Streams::new(3, 2);
        let first = streams.acquire(client(1));
        let _second = streams.acquire(client(2));
        let _third = streams.acquire(client(3));
        assert!(streams.acquire(client(4)).is_none());
        // The refusal does not end the stream of another client.
        assert!(!has_ended(&mut first.unwrap()));
        assert!(streams.acquire(client(4)).is_some());
    }

    #[test]
    fn clients_without_an_address_share_the_permits_that_others_leave() {
        let streams = Streams::new(3, 1);
        let mut permits: Vec<Permit> = (0..3).map(|_| streams.acquire(None).unwrap()).collect();
        assert!(streams.acquire(None).is_none());
        assert!(!permits.iter_mut().any(has_ended));
        let _known: Vec<_> = (1..=2)
            .map(|n| streams.acquire(client(n)).unwrap())
            .collect();
        let ended: Vec<bool> = permits.iter_mut().map(has_ended).collect();
        assert_eq!(ended, [true, true, false]);
        assert_eq!(streams.open().count, 3);
    }
}
