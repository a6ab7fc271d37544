//! How often somebody may try a password.
//!
//! Three counts, each of which can say "not now":
//!
//! 1. per account and client network, and 2. per client network: after five failures, each further attempt has to wait
//!    twice as long as the one before, up to five minutes;
//! 3. per account: twenty checks in an hour for all networks together from which nobody has logged in to that account
//!    yet. Whoever attacks from many networks uses this up, and the true user on a network of theirs does not notice.
//!
//! An attempt counts as failed from its beginning until it has succeeded, so that many at once gain nothing. Unknown
//! accounts are counted like known ones. All of it is forgotten when the process ends.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moka::sync::Cache;
use waygate_core::{
    net::{IPV6_CUSTOMER, client_network},
    port::Clock,
};

/// Failures that cost no waiting.
const FREE: u32 = 5;
const LONGEST_DELAY: Duration = Duration::from_secs(300);
/// A count that has not grown for so long begins anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);

/// Checks from unknown networks that one account may have in [`FORGOTTEN_AFTER`].
const STRANGERS: usize = 20;
/// Refused logins that go into the audit log in [`FORGOTTEN_AFTER`], so that nobody can flood it.
const AUDITED: usize = 100;

/// How many accounts, networks and pairs of them are remembered.
const REMEMBERED: u64 = 10_000;

/// `None` is everybody whose address the server does not tell.
type Network = Option<IpAddr>;

#[derive(Debug)]
pub(crate) struct Throttle {
    clock: Arc<dyn Clock>,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    pairs: Cache<(Arc<str>, Network), Backoff>,
    networks: Cache<Network, Backoff>,
    /// Where somebody has logged in from.
    familiar: Cache<(Arc<str>, Network), ()>,
    /// Checks from elsewhere. Accounts that exist are never pushed out by ones that are made up.
    accounts: HashMap<Arc<str>, Window>,
    made_up: Cache<Arc<str>, Window>,
    audited: Window,
}

/// One attempt that may go on. Unless it is settled, it has failed.
#[derive(Debug)]
#[must_use = "an attempt that is not settled counts as failed"]
pub(crate) struct Attempt {
    account: Arc<str>,
    network: Network,
    stranger: bool,
}

impl Throttle {
    pub(crate) fn new<'a>(
        clock: Arc<dyn Clock>,
        accounts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let accounts = accounts.into_iter();
        Self {
            clock,
            counts: Mutex::new(Counts {
                pairs: Cache::new(REMEMBERED),
                networks: Cache::new(REMEMBERED),
                familiar: Cache::new(REMEMBERED),
                accounts: accounts
                    .map(|name| (name.into(), Window::default()))
                    .collect(),
                made_up: Cache::new(REMEMBERED),
                audited: Window::default(),
            }),
        }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// How long to wait, when it is too early.
    pub(crate) fn begin(
        &self,
        account: &str,
        address: Option<IpAddr>,
    ) -> Result<Attempt, Duration> {
        let (now, network) = (
            self.clock.monotonic(),
            address.map(|ip| client_network(ip, IPV6_CUSTOMER)),
        );
        let account: Arc<str> = account.into();
        let mut counts = self.counts();
        let pair_key = (account.clone(), network);
        let mut pair = counts.pairs.get(&pair_key).unwrap_or_default();
        let mut of_network = counts.networks.get(&network).unwrap_or_default();
        let stranger = !counts.familiar.contains_key(&pair_key);
        let mut window = counts.window(&account);
        let mut wait = pair.wait(now).max(of_network.wait(now));
        if stranger {
            wait = wait.max(window.wait(STRANGERS, now));
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        pair.fail(now);
        counts.pairs.insert(pair_key, pair);
        of_network.fail(now);
        counts.networks.insert(network, of_network);
        if stranger {
            window.push(now);
            counts.set_window(&account, window);
        }
        Ok(Attempt {
            account,
            network,
            stranger,
        })
    }

    /// The password was right.
    pub(crate) fn succeeded(&self, attempt: Attempt) {
        let mut counts = self.counts();
        let pair_key = (attempt.account.clone(), attempt.network);
        counts.pairs.invalidate(&pair_key);
        counts.familiar.insert(pair_key, ());
        counts.take_back_of_network(attempt.network);
    }

    /// The password was not looked at.
    pub(crate) fn abandoned(&self, attempt: Attempt) {
        let mut counts = self.counts();
        let pair_key = (attempt.account.clone(), attempt.network);
        if let Some(mut pair) = counts.pairs.get(&pair_key) {
            pair.take_back();
            counts.pairs.insert(pair_key, pair);
        }
        counts.take_back_of_network(attempt.network);
        if attempt.stranger {
            let mut window = counts.window(&attempt.account);
            window.0.pop_back();
            counts.set_window(&attempt.account, window);
        }
    }

    /// Whether one more refused login may go into the audit log.
    pub(crate) fn may_audit(&self) -> bool {
        let now = self.clock.monotonic();
        let audited = &mut self.counts().audited;
        let may = audited.wait(AUDITED, now).is_zero();
        if may {
            audited.push(now);
        }
        may
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn window(&self, account: &str) -> Window {
        let known = self.accounts.get(account).cloned();
        known
            .or_else(|| self.made_up.get(account))
            .unwrap_or_default()
    }

    fn set_window(&mut self, account: &Arc<str>, window: Window) {
        match self.accounts.get_mut(account) {
            Some(known) => *known = window,
            None => self.made_up.insert(account.clone(), window),
        }
    }

    fn take_back_of_network(&mut self, network: Network) {
        if let Some(mut of_network) = self.networks.get(&network) {
            of_network.take_back();
            self.networks.insert(network, of_network);
        }
    }
}

/// Failures in a row, and until when the next attempt has to wait.
#[derive(Debug, Clone, Copy, Default)]
struct Backoff {
    failures: u32,
    last: Duration,
    until: Duration,
}

impl Backoff {
    fn wait(&mut self, now: Duration) -> Duration {
        if now.saturating_sub(self.last) >= FORGOTTEN_AFTER {
            *self = Self::default();
        }
        self.until.saturating_sub(now)
    }

    fn fail(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.last = now;
        if let Some(doublings) = self.failures.checked_sub(FREE) {
            let delay = Duration::from_secs(1_u64.checked_shl(doublings).unwrap_or(u64::MAX));
            self.until = now.saturating_add(delay.min(LONGEST_DELAY));
        }
    }

    fn take_back(&mut self) {
        self.failures = self.failures.saturating_sub(1);
        if self.failures < FREE {
            self.until = Duration::ZERO;
        }
    }
}

/// When things happened in the last hour, oldest first.
#[derive(Debug, Clone, Default)]
struct Window(VecDeque<Duration>);

impl Window {
    /// How long to wait until there is room for one more.
    fn wait(&mut self, room: usize, now: Duration) -> Duration {
        let over = |at: &Duration| now.saturating_sub(*at) >= FORGOTTEN_AFTER;
        while self.0.front().is_some_and(over) {
            self.0.pop_front();
        }
        match self.0.front() {
            Some(oldest) if self.0.len() >= room => (*oldest + FORGOTTEN_AFTER).saturating_sub(now),
            _ => Duration::ZERO,
        }
    }

    fn push(&mut self, now: Duration) {
        self.0.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use waygate_core::port::ManualClock;

    use super::*;

    fn throttle() -> (Throttle, ManualClock) {
        let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
        let throttle = Throttle::new(Arc::new(clock.clone()), ["admin"]);
        (throttle, clock)
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn fail(throttle: &Throttle, account: &str, address: Option<IpAddr>) -> Option<u64> {
        let outcome = throttle.begin(account, address);
        outcome.err().map(|wait| wait.as_secs())
    }

    #[test]
    fn the_delay_doubles_after_five_failures_and_is_forgotten_after_an_hour() {
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
    fn success_forgets_the_failures_of_the_pair_but_not_those_of_the_network() {
        let (throttle, _) = throttle();
        let here = ip("192.0.2.1");
        for _ in 0..4 {
            assert_eq!(fail(&throttle, "admin", here), None);
        }
        let fifth = throttle.begin("admin", here);
        throttle.succeeded(fifth.unwrap());
        let sixth = throttle.begin("admin", here);
        throttle.succeeded(sixth.unwrap());
        // Whoever has an account cannot wash away what was tried on others.
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
    fn an_account_has_twenty_checks_an_hour_from_strangers_and_its_user_none_the_less_gets_in() {
        let (throttle, clock) = throttle();
        let home = ip("198.51.100.7");
        let first = throttle.begin("admin", home);
        throttle.succeeded(first.unwrap());
        clock.advance(FORGOTTEN_AFTER);
        let mut checks = 0;
        for attack in 0..10_000_u32 {
            let address = IpAddr::V4((0x0A00_0000 + attack % 1_000).into());
            if throttle.begin("admin", Some(address)).is_ok() {
                checks += 1;
            }
            clock.advance(Duration::from_millis(6));
        }
        assert_eq!(checks, 20);
        assert!(fail(&throttle, "admin", ip("203.0.113.1")).is_some_and(|wait| wait > 3_500));
        assert_eq!(fail(&throttle, "admin", home), None);
        clock.advance(FORGOTTEN_AFTER);
        assert_eq!(fail(&throttle, "admin", ip("203.0.113.1")), None);
    }

    #[test]
    fn accounts_that_do_not_exist_are_counted_alike() {
        let (throttle, _) = throttle();
        let outcomes = |account: &str| -> Vec<_> {
            let networks = (0..30_u32).map(|n| IpAddr::V4((0xC000_0200 + n).into()));
            networks
                .map(|address| fail(&throttle, account, Some(address)))
                .collect()
        };
        assert_eq!(outcomes("admin"), outcomes("nobody"));
    }

    #[test]
    fn an_attempt_that_was_not_checked_costs_nothing() {
        let (throttle, _) = throttle();
        for _ in 0..100 {
            let attempt = throttle.begin("admin", ip("192.0.2.1"));
            throttle.abandoned(attempt.unwrap());
        }
    }

    #[test]
    fn the_audit_log_takes_a_hundred_refusals_an_hour() {
        let (throttle, clock) = throttle();
        assert_eq!((0..1_000).filter(|_| throttle.may_audit()).count(), 100);
        clock.advance(FORGOTTEN_AFTER);
        assert!(throttle.may_audit());
    }
}
