//! Queues password checks.
//!
//! Two checks run concurrently, at most one of them for a stranger; the other slot is for known networks. Strangers
//! wait in one queue that accepts a few of each neighbourhood, so that many from one of them do not fill it.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use waygate_core::{Secret, net::client_network};

use super::{memory, password, phc::PasswordHash};

/// The most checks that run or wait, for known callers and for strangers.
const KNOWN: usize = 32;
const STRANGERS: usize = 128;
/// The most strangers of one neighbourhood.
const NEIGHBOURS: usize = 4;
/// The longest wait of a stranger.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client that needs a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A client on a network with a successful login.
    Known,
    /// Any other client; `None` if the server does not know the peer's address.
    Stranger(Option<IpAddr>),
}

/// Checks passwords on blocking threads, with concurrency limited by the reserved memory.
#[derive(Debug)]
pub(crate) struct Verifier {
    running: Arc<Semaphore>,
    /// The slots for strangers.
    open: Arc<Semaphore>,
    known: Semaphore,
    line: Mutex<Line>,
}

/// The number of queued strangers, in total and by neighbourhood.
#[derive(Debug, Default)]
struct Line {
    all: usize,
    neighbours: HashMap<IpAddr, usize>,
}

/// The queue is full.
#[derive(Debug)]
pub(crate) struct Busy;

impl Default for Verifier {
    fn default() -> Self {
        Self {
            running: Arc::new(Semaphore::new(memory::PIECES)),
            open: Arc::new(Semaphore::new(memory::PIECES - 1)),
            known: Semaphore::new(KNOWN),
            line: Mutex::default(),
        }
    }
}

impl Verifier {
    /// Returns `true` if the hash is that of `password`.
    pub(crate) async fn verify(
        &self,
        caller: Caller,
        hash: PasswordHash,
        password: Secret<String>,
    ) -> Result<bool, Busy> {
        match caller {
            Caller::Known => {
                let _turn = self.known.try_acquire().map_err(|_| Busy)?;
                Ok(self.check(None, hash, password).await)
            }
            Caller::Stranger(address) => {
                let _turn = self.stand(address)?;
                let place = tokio::time::timeout(PATIENCE, self.open.clone().acquire_owned());
                let place = place.await.map_err(|_| Busy)?.ok();
                Ok(self.check(place, hash, password).await)
            }
        }
    }

    async fn check(
        &self,
        place: Option<OwnedSemaphorePermit>,
        hash: PasswordHash,
        password: Secret<String>,
    ) -> bool {
        let running = self.running.clone().acquire_owned().await;
        let check = tokio::task::spawn_blocking(move || {
            // Held to the end of the work, even if the caller is gone.
            let _held = (running, place);
            password::matches(&hash, password.expose())
        });
        check.await.unwrap_or(false)
    }

    fn stand(&self, address: Option<IpAddr>) -> Result<Turn<'_>, Busy> {
        let neighbourhood = address.map(neighbourhood);
        let mut line = self.line();
        let neighbours = neighbourhood.and_then(|n| line.neighbours.get(&n)).copied();
        let neighbours = neighbours.unwrap_or_default();
        if line.all >= STRANGERS || neighbours >= NEIGHBOURS {
            return Err(Busy);
        }
        line.all += 1;
        if let Some(neighbourhood) = neighbourhood {
            line.neighbours.insert(neighbourhood, neighbours + 1);
        }
        Ok(Turn {
            verifier: self,
            neighbourhood,
        })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stranger's place in the queue, released on drop.
struct Turn<'a> {
    verifier: &'a Verifier,
    neighbourhood: Option<IpAddr>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = self.verifier.line();
        line.all -= 1;
        let Some(neighbourhood) = self.neighbourhood else {
            return;
        };
        if let Some(left) = line.neighbours.get_mut(&neighbourhood) {
            *left -= 1;
            if *left == 0 {
                line.neighbours.remove(&neighbourhood);
            }
        }
    }
}

/// The network of an attacker with many addresses: 256 IPv4 addresses, or 65,536 customer networks of IPv6.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match client_network(address, 48) {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & 0xFFFF_FF00).into(),
        v6 => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(last: u8, third: u8) -> Caller {
        Caller::Stranger(Some([10, 0, third, last].into()))
    }

    fn check(
        verifier: &Arc<Verifier>,
        caller: Caller,
        password: &str,
    ) -> tokio::task::JoinHandle<Result<bool, Busy>> {
        let (verifier, hash) = (verifier.clone(), password::hash("a", "secret").unwrap());
        let password = Secret::new(password.to_owned());
        tokio::spawn(async move { verifier.verify(caller, hash, password).await })
    }

    #[tokio::test]
    async fn correct_passwords_pass_and_wrong_ones_do_not() {
        let verifier = Arc::default();
        for caller in [Caller::Known, stranger(1, 1), Caller::Stranger(None)] {
            for (password, right) in [("secret", true), ("Secret", false), ("", false)] {
                let outcome = check(&verifier, caller, password).await.unwrap();
                assert_eq!(outcome.unwrap(), right, "{caller:?} {password}");
            }
        }
    }

    #[tokio::test]
    async fn strangers_leave_a_slot_to_known_networks() {
        let verifier = Arc::<Verifier>::default();
        let _place = verifier.open.clone().try_acquire_owned().unwrap();
        let _running = verifier.running.clone().try_acquire_owned().unwrap();
        let waiting: Vec<_> = (0..=255)
            .map(|third| check(&verifier, stranger(1, third), "guess"))
            .collect();
        while verifier.line().all < STRANGERS {
            tokio::task::yield_now().await;
        }
        let known = check(&verifier, Caller::Known, "secret").await.unwrap();
        assert!(known.unwrap());
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        let mut turned_away = 0;
        for check in waiting {
            turned_away += usize::from(matches!(check.await, Ok(Err(Busy))));
        }
        assert_eq!(turned_away, 256 - STRANGERS);
        assert_eq!(verifier.line().all, 0);
        assert!(verifier.line().neighbours.is_empty());
    }

    #[tokio::test]
    async fn a_neighbourhood_cannot_fill_the_queue() {
        let verifier = Verifier::default();
        let crowd: Vec<_> = (0..100)
            .map(|last| verifier.stand(Some([10, 0, 0, last].into())))
            .collect();
        assert_eq!(crowd.iter().flatten().count(), NEIGHBOURS);
        assert!(verifier.stand(Some([10, 0, 1, 1].into())).is_ok());
        let customers: Vec<_> = (0..100_u16)
            .map(|n| verifier.stand(Some([0x2001, 0xdb8, 1, n, 0, 0, 0, 1].into())))
            .collect();
        assert_eq!(customers.iter().flatten().count(), NEIGHBOURS);
        // Without known addresses there are no neighbourhoods to limit.
        assert!((0..100).all(|_| verifier.stand(None).is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_of_a_stranger_is_bounded() {
        let verifier = Arc::<Verifier>::default();
        let _place = verifier.open.clone().try_acquire_owned().unwrap();
        let begun = tokio::time::Instant::now();
        let outcome = check(&verifier, stranger(1, 1), "secret").await.unwrap();
        assert!(outcome.is_err());
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
    }
}
