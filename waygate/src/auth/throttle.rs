//! Limits login attempts.
//!
//! Three counters, each of which can refuse an attempt:
//!
//! 1. per account and client network, and 2. per client network: after five failures, each further attempt has to wait
//!    twice as long as the one before, up to five minutes;
//! 3. per account, for all networks together that have no successful login to it (`strangers.rs`). An attack from
//!    many networks uses this up, and slows down other strangers.
//!
//! A network with a successful login (`known.rs`) is not counted by the third counter, nor delayed by the second. The
//! first is lenient for it: the network loses its reserved slot at the verifier after five failures, waits after
//! twenty, and for ten seconds at most. So neither strangers nor neighbours that try other accounts can lock its user
//! out. Neighbours that retry the same account can, since they cannot be distinguished.
//!
//! An attempt counts as failed until it has succeeded, so that concurrent attempts gain nothing. Unknown accounts are
//! counted like existing ones. The counters are lost when the process ends.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use waygate_core::port::Clock;

use super::{
    backoff::{Backoff, Pace, Window},
    network::Network,
    recent::Recent,
    strangers::Strangers,
    verifier::Caller,
};

const STRANGER: Pace = Pace {
    free: 5,
    longest: Duration::from_secs(300),
};
const KNOWN: Pace = Pace {
    free: 20,
    longest: Duration::from_secs(10),
};

/// The most refused logins in the audit log per [`FORGOTTEN_AFTER`], so that it cannot be flooded.
const AUDITED: usize = 100;

/// The minimum number of networks, and of pairs of account and network, to keep.
const REMEMBERED: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Throttle {
    clock: Arc<dyn Clock>,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    pairs: Recent<(Arc<str>, Network), Backoff>,
    networks: Recent<Network, Backoff>,
    strangers: Strangers,
    audited: Window,
}

/// An admitted attempt. It counts as failed unless it is settled.
#[derive(Debug)]
#[must_use = "an attempt that is not settled counts as failed"]
pub(crate) struct Attempt {
    account: Arc<str>,
    network: Network,
    known: bool,
    /// The slot of the check.
    pub(crate) caller: Caller,
}

impl Throttle {
    pub(crate) fn new<'a>(
        clock: Arc<dyn Clock>,
        accounts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            clock,
            counts: Mutex::new(Counts {
                pairs: Recent::new(REMEMBERED),
                networks: Recent::new(REMEMBERED),
                strangers: Strangers::new(accounts),
                audited: Window::default(),
            }),
        }
    }

    /// Replaces the names of the users. Those that remain keep their counts.
    pub(crate) fn know<'a>(&self, accounts: impl Iterator<Item = &'a str>) {
        self.counts().strangers.know(accounts);
    }

    /// Admits an attempt from a network. `known` networks have had a successful login.
    ///
    /// # Errors
    /// The time to wait, if the attempt is too early.
    pub(crate) fn begin(
        &self,
        account: &str,
        network: Network,
        known: bool,
    ) -> Result<Attempt, Duration> {
        let now = self.clock.monotonic();
        let account: Arc<str> = account.into();
        let mut counts = self.counts();
        let pair_key = (account.clone(), network);
        let mut pair = counts.pairs.get(&pair_key).copied().unwrap_or_default();
        let mut of_network = counts.networks.get(&network).copied().unwrap_or_default();
        let own_wait = pair.wait(now);
        let network_wait = of_network.wait(now);
        let wait = match known {
            true => own_wait,
            false => own_wait.max(network_wait),
        };
        if !wait.is_zero() {
            return Err(wait);
        }
        if !known {
            counts.strangers.take(&account, network, now)?;
        }
        let caller = match known && !pair.exceeds(STRANGER) {
            true => Caller::Known,
            false => Caller::Stranger(network),
        };
        pair.fail(now, if known { KNOWN } else { STRANGER });
        of_network.fail(now, STRANGER);
        counts.pairs.insert(pair_key, pair);
        counts.networks.insert(network, of_network);
        Ok(Attempt {
            account,
            network,
            known,
            caller,
        })
    }

    /// Settles an attempt with the correct password.
    pub(crate) fn succeeded(&self, attempt: Attempt) {
        let mut counts = self.counts();
        counts.pairs.remove(&(attempt.account, attempt.network));
        counts.take_back_of_network(attempt.network);
    }

    /// Settles an attempt if its password was not checked.
    pub(crate) fn abandoned(&self, attempt: Attempt) {
        let now = self.clock.monotonic();
        let mut counts = self.counts();
        let pair_key = (attempt.account.clone(), attempt.network);
        if let Some(pair) = counts.pairs.get(&pair_key) {
            pair.take_back(if attempt.known { KNOWN } else { STRANGER });
        }
        counts.take_back_of_network(attempt.network);
        if !attempt.known {
            let strangers = &mut counts.strangers;
            strangers.give_back(&attempt.account, attempt.network, now);
        }
    }

    /// Returns `true` if one more refused login may be audited.
    pub(crate) fn may_audit(&self) -> bool {
        let now = self.clock.monotonic();
        self.counts().audited.push(AUDITED, now)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn take_back_of_network(&mut self, network: Network) {
        if let Some(of_network) = self.networks.get(&network) {
            of_network.take_back(STRANGER);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use waygate_core::port::ManualClock;

    use super::{
        super::{backoff::FORGOTTEN_AFTER, network::network_of, strangers::AWAY},
        *,
    };

    fn throttle() -> (Throttle, ManualClock) {
        let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
        let throttle = Throttle::new(Arc::new(clock.clone()), ["admin"]);
        (throttle, clock)
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn fail(throttle: &Throttle, account: &str, address: Option<IpAddr>) -> Option<u64> {
        let outcome = throttle.begin(account, network_of(address), false);
        outcome.err().map(|wait| wait.as_secs())
    }

    /// Starts an attempt from a known network.
    fn known(throttle: &Throttle, address: Option<IpAddr>) -> Result<Attempt, Duration> {
        throttle.begin("admin", address, true)
    }

    #[test]
    fn the_delay_doubles_after_five_failures_and_is_reset_after_an_hour() {
        let (throttle, clock) = throttle();
        let here = ip("192.0.2.1");
        for _ in 0..5 {
            assert_eq!(fail(&throttle, "admin", here), None);
        }
        for delay in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(fail(&throttle, "admin", here), Some(delay));
            clock.advance(Duration::from_secs(delay));
            assert_eq!(fail(&throttle, "admin", here), None);
        }
        clock.advance(FORGOTTEN_AFTER);
        for _ in 0..5 {
            assert_eq!(fail(&throttle, "admin", here), None);
        }
    }

    #[test]
    fn success_resets_the_failures_of_the_pair_but_not_those_of_the_network() {
        let (throttle, _) = throttle();
        let here = ip("192.0.2.1");
        for _ in 0..4 {
            assert_eq!(fail(&throttle, "admin", here), None);
        }
        let fifth = throttle.begin("admin", here, false);
        throttle.succeeded(fifth.unwrap());
        let sixth = throttle.begin("admin", here, false);
        throttle.succeeded(sixth.unwrap());
        // A success on one account keeps the failures on others.
        assert_eq!(fail(&throttle, "other", here), None);
        assert_eq!(fail(&throttle, "other", here), Some(1));
    }

    #[test]
    fn a_network_cannot_spray_one_password_over_many_accounts() {
        let (throttle, _) = throttle();
        for index in 0..5 {
            assert_eq!(
                fail(&throttle, &format!("user{index}"), ip("192.0.2.1")),
                None
            );
        }
        assert_eq!(fail(&throttle, "user6", ip("192.0.2.1")), Some(1));
        assert_eq!(fail(&throttle, "user6", ip("192.0.2.2")), None);
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        let (throttle, _) = throttle();
        for index in 0..5 {
            let address = ip(&format!("2001:db8:1:2::{index}"));
            assert_eq!(fail(&throttle, "admin", address), None);
        }
        assert_eq!(
            fail(&throttle, "admin", ip("2001:db8:1:2:ffff::1")),
            Some(1)
        );
        assert_eq!(fail(&throttle, "admin", ip("2001:db8:1:3::1")), None);
    }

    #[test]
    fn strangers_have_twenty_checks_of_an_account_and_then_wait() {
        let (throttle, clock) = throttle();
        let mut checks = 0;
        for attack in 0..10_000_u32 {
            let address = IpAddr::V4((0x0A00_0000 + attack % 1_000).into());
            checks += usize::from(throttle.begin("admin", Some(address), false).is_ok());
            clock.advance(Duration::from_millis(6));
        }
        assert_eq!(checks, 20);
        // A stranger is not locked out, and a user on a known network is not affected.
        let stranger = ip("203.0.113.1");
        assert_eq!(fail(&throttle, "admin", stranger), Some(60));
        assert!(known(&throttle, ip("198.51.100.7")).is_ok());
        clock.advance(AWAY);
        assert_eq!(fail(&throttle, "admin", stranger), None);
    }

    #[test]
    fn a_known_network_loses_its_privilege_gradually_and_is_never_locked_out() {
        let (throttle, clock) = throttle();
        let home = ip("198.51.100.7");
        let callers = (0..20).map(|_| known(&throttle, home).unwrap().caller);
        let callers: Vec<_> = callers.collect();
        assert!(callers[..5].iter().all(|caller| *caller == Caller::Known));
        assert!(
            callers[5..]
                .iter()
                .all(|caller| *caller == Caller::Stranger(home))
        );
        for delay in [1, 2, 4, 8, 10, 10, 10] {
            assert_eq!(
                known(&throttle, home).unwrap_err(),
                Duration::from_secs(delay)
            );
            clock.advance(Duration::from_secs(delay));
            assert!(known(&throttle, home).is_ok());
        }
        clock.advance(Duration::from_secs(10));
        throttle.succeeded(known(&throttle, home).unwrap());
        assert_eq!(known(&throttle, home).unwrap().caller, Caller::Known);
    }

    #[test]
    fn attempts_of_neighbours_on_other_accounts_do_not_delay_a_known_user() {
        let (throttle, _) = throttle();
        let home = ip("198.51.100.7");
        for index in 0..100 {
            fail(&throttle, &format!("user{index}"), home);
        }
        assert!(fail(&throttle, "bob", home).is_some());
        assert_eq!(known(&throttle, home).unwrap().caller, Caller::Known);
    }

    #[test]
    fn unknown_accounts_are_counted_alike() {
        let (throttle, _) = throttle();
        let outcomes = |account: &str| -> Vec<_> {
            let networks = (0..30_u32).map(|n| IpAddr::V4((0xC000_0200 + n).into()));
            networks
                .map(|address| fail(&throttle, account, Some(address)))
                .collect()
        };
        assert_eq!(outcomes("admin"), outcomes("unknown"));
    }

    #[test]
    fn an_unchecked_attempt_costs_nothing() {
        let (throttle, _) = throttle();
        for _ in 0..100 {
            let attempt = throttle.begin("admin", ip("192.0.2.1"), false);
            throttle.abandoned(attempt.unwrap());
        }
    }

    #[test]
    fn the_audit_log_accepts_a_hundred_refusals_an_hour() {
        let (throttle, clock) = throttle();
        assert_eq!((0..1_000).filter(|_| throttle.may_audit()).count(), 100);
        clock.advance(FORGOTTEN_AFTER);
        assert!(throttle.may_audit());
    }
}
