//! How many streams are open, in all and for each client.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// A network that one customer has; `None` is every client whose address the server does not know.
pub(super) type Client = Option<IpAddr>;

/// The streams that are open. A clone counts the same ones.
#[derive(Debug, Clone)]
pub(super) struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    most_of_a_client: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Of all clients together.
    count: usize,
    last: u64,
    /// Of each client that has any, oldest first.
    by_client: HashMap<Client, VecDeque<Entry>>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    /// Dropped to end the stream.
    _end: oneshot::Sender<()>,
}

/// The place of one stream, which is free when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    streams: Streams,
    client: Client,
    id: u64,
    end: oneshot::Receiver<()>,
}

impl Streams {
    pub(super) fn new(most: usize, most_of_a_client: usize) -> Self {
        Self(Arc::new(Shared {
            most,
            most_of_a_client,
            open: Mutex::default(),
        }))
    }

    /// A place for one more stream of `client`, whose oldest one ends if it has as many as it may. `None` when there is
    /// no room.
    ///
    /// Of clients that cannot be distinguished, none loses a stream because of another. They take no place from those that
    /// can: where there is no room for one with an address, the oldest stream without one ends.
    pub(super) fn enter(&self, client: Client) -> Option<Place> {
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
        Some(Place {
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

    fn leave(&mut self, client: Client, id: u64) {
        let Some(own) = self.by_client.get_mut(&client) else {
            return;
        };
        let before = own.len();
        own.retain(|entry| entry.id != id);
        self.count -= before - own.len();
        // Clients that are gone leave nothing behind.
        if own.is_empty() {
            self.by_client.remove(&client);
        }
    }
}

impl Place {
    /// Ready when the stream has to end.
    pub(super) async fn ended(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.end).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.streams.open().leave(self.client, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u8) -> Client {
        Some(IpAddr::from([192, 0, 2, n]))
    }

    fn has_ended(place: &mut Place) -> bool {
        place.end.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn a_client_that_asks_for_too_many_loses_its_oldest() {
        let streams = Streams::new(10, 3);
        let mut own: Vec<Place> = (0..5).map(|_| streams.enter(client(1)).unwrap()).collect();
        let ended: Vec<bool> = own.iter_mut().map(has_ended).collect();
        assert_eq!(ended, [true, true, false, false, false]);
        assert_eq!(streams.open().count, 3);
        let mut other = streams.enter(client(2)).unwrap();
        assert!(!has_ended(&mut other));
        // One that was ended frees nothing a second time.
        drop(own);
        assert_eq!(streams.open().count, 1);
        drop(other);
        assert!(streams.open().by_client.is_empty());
    }

    #[test]
    fn all_together_have_a_bound_as_well() {
        let streams = Streams::new(3, 2);
        let first = streams.enter(client(1));
        let _second = streams.enter(client(2));
        let _third = streams.enter(client(3));
        assert!(streams.enter(client(4)).is_none());
        // Nobody else's stream ends for it.
        assert!(!has_ended(&mut first.unwrap()));
        assert!(streams.enter(client(4)).is_some());
    }

    #[test]
    fn clients_without_an_address_share_the_places_that_others_leave() {
        let streams = Streams::new(3, 1);
        let mut places: Vec<Place> = (0..3).map(|_| streams.enter(None).unwrap()).collect();
        assert!(streams.enter(None).is_none());
        assert!(!places.iter_mut().any(has_ended));
        let _known: Vec<_> = (1..=2).map(|n| streams.enter(client(n)).unwrap()).collect();
        let ended: Vec<bool> = places.iter_mut().map(has_ended).collect();
        assert_eq!(ended, [true, true, false]);
        assert_eq!(streams.open().count, 3);
    }
}
