//! Limits the password checks of one account for strangers: networks without a successful login.
//!
//! There are twenty checks, and one more every ten seconds. After that the account is *crowded*: while attempts are
//! refused, only a network that was refused and has stayed away for a minute since gets a check. Networks that retry
//! earlier, however many there are, get none.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{backoff::Bucket, network::Network, recent::Recent};

/// The burst of checks, and the time until there is one more.
pub(super) const CHECKS: u32 = 20;
const EACH: Duration = Duration::from_secs(10);
/// The time for which a refused network must stay away, and for which the account stays crowded.
pub(super) const AWAY: Duration = Duration::from_secs(60);

/// The minimum number of unknown accounts, and of waiting networks, to keep.
const MADE_UP: usize = 10_000;
const WAITING: usize = 20_000;

#[derive(Debug)]
pub(super) struct Strangers {
    /// Unknown accounts never evict these.
    accounts: HashMap<Arc<str>, Checks>,
    made_up: Recent<Arc<str>, Checks>,
    /// The time until which a network must stay away from an account.
    waiting: Recent<(Arc<str>, Network), Duration>,
}

/// The checks of one account.
#[derive(Debug, Clone, Copy, Default)]
struct Checks {
    used: Bucket,
    crowded_until: Duration,
}

impl Strangers {
    pub(super) fn new<'a>(accounts: impl IntoIterator<Item = &'a str>) -> Self {
        let accounts = accounts.into_iter();
        Self {
            accounts: accounts
                .map(|name| (name.into(), Checks::default()))
                .collect(),
            made_up: Recent::new(MADE_UP),
            waiting: Recent::new(WAITING),
        }
    }

    /// Replaces the accounts. Those that remain keep their checks.
    pub(super) fn know<'a>(&mut self, accounts: impl IntoIterator<Item = &'a str>) {
        let last = std::mem::take(&mut self.accounts);
        let accounts = accounts.into_iter().map(|name| {
            let checks = last
                .get(name)
                .or_else(|| self.made_up.get(name).map(|it| &*it));
            (name.into(), checks.copied().unwrap_or_default())
        });
        self.accounts = accounts.collect();
    }

    /// Takes a check for a network.
    ///
    /// # Errors
    /// The time to stay away, if there is no check for it.
    pub(super) fn take(
        &mut self,
        account: &Arc<str>,
        network: Network,
        now: Duration,
    ) -> Result<(), Duration> {
        let mut checks = self.checks(account);
        let place = (account.clone(), network);
        let due = self.waiting.get(&place).copied();
        let has_waited = due.is_some_and(|due| due <= now);
        let next = checks.used.wait(CHECKS, EACH, now);
        let wait = match (has_waited, next.is_zero()) {
            (true, _) => next,
            (false, true) if now >= checks.crowded_until => next,
            (false, _) => AWAY,
        };
        if wait.is_zero() {
            checks.used.take(EACH, now);
            if due.is_some() {
                self.waiting.remove(&place);
            }
        } else {
            checks.crowded_until = now.saturating_add(AWAY);
            self.waiting.insert(place, now.saturating_add(wait));
        }
        self.set(account, checks);
        match wait.is_zero() {
            true => Ok(()),
            false => Err(wait),
        }
    }

    /// Refunds a check that was not made. The network may take it immediately.
    pub(super) fn give_back(&mut self, account: &Arc<str>, network: Network, now: Duration) {
        let mut checks = self.checks(account);
        checks.used.give_back(EACH);
        if now < checks.crowded_until {
            self.waiting.insert((account.clone(), network), now);
        }
        self.set(account, checks);
    }

    fn checks(&mut self, account: &str) -> Checks {
        let known = self.accounts.get(account);
        known
            .or_else(|| self.made_up.get(account).map(|checks| &*checks))
            .copied()
            .unwrap_or_default()
    }

    fn set(&mut self, account: &Arc<str>, checks: Checks) {
        match self.accounts.get_mut(account) {
            Some(known) => *known = checks,
            None => self.made_up.insert(account.clone(), checks),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const CROWD: u32 = 2_500;

    fn network(number: u32) -> Network {
        Some(IpAddr::V4((0x0A00_0000 + number).into()))
    }

    /// Simulates an attack from many networks, a thousand times a second. Returns its number of checks.
    fn attack(strangers: &mut Strangers, account: &Arc<str>, now: &mut u64, seconds: u64) -> usize {
        let mut checks = 0;
        for number in (0..CROWD)
            .cycle()
            .take(usize::try_from(seconds).unwrap() * 1_000)
        {
            *now += 1;
            let taken = strangers.take(account, network(number), Duration::from_millis(*now));
            checks += usize::from(taken.is_ok());
        }
        checks
    }

    #[test]
    fn a_waiting_network_is_next_however_many_do_not_wait() {
        let (mut strangers, admin) = (Strangers::new(["admin"]), "admin".into());
        let mut now = 0;
        assert_eq!(attack(&mut strangers, &admin, &mut now, 60), 20);
        let at = Duration::from_millis;
        let patient = network(CROWD);
        assert_eq!(strangers.take(&admin, patient, at(now)), Err(AWAY));
        assert_eq!(attack(&mut strangers, &admin, &mut now, 60), 0);
        assert_eq!(strangers.take(&admin, patient, at(now)), Ok(()));
        // For another check, it has to wait again.
        assert_eq!(strangers.take(&admin, patient, at(now)), Err(AWAY));
        assert_eq!(attack(&mut strangers, &admin, &mut now, 59), 0);
        assert_eq!(strangers.take(&admin, patient, at(now)), Err(AWAY));
        assert_eq!(attack(&mut strangers, &admin, &mut now, 60), 0);
        assert_eq!(strangers.take(&admin, patient, at(now)), Ok(()));
        // The account is crowded only while the attack lasts.
        now += 60_000;
        assert_eq!(strangers.take(&admin, patient, at(now)), Ok(()));
        assert_eq!(strangers.take(&admin, network(1), at(now)), Ok(()));
    }

    #[test]
    fn one_waiting_network_is_checked_every_ten_seconds() {
        let (mut strangers, admin) = (Strangers::new(["admin"]), Arc::from("admin"));
        let at = Duration::from_secs;
        let all = |strangers: &mut Strangers, now: u64| -> Vec<_> {
            let outcomes = (0..100).map(|number| strangers.take(&admin, network(number), at(now)));
            outcomes.collect()
        };
        let taken = |outcomes: &[Result<(), Duration>]| outcomes.iter().flatten().count();
        assert_eq!(taken(&all(&mut strangers, 0)), 20);
        let outcomes = all(&mut strangers, 60);
        assert_eq!(taken(&outcomes), 6);
        assert_eq!(outcomes[99], Err(at(10)));
        assert_eq!(taken(&all(&mut strangers, 70)), 1);
    }

    #[test]
    fn a_refunded_check_is_available_to_the_same_network() {
        let (mut strangers, admin) = (Strangers::new([]), Arc::from("unknown"));
        let mut now = 0;
        attack(&mut strangers, &admin, &mut now, 1);
        let now = Duration::from_millis(now);
        strangers.give_back(&admin, network(7), now);
        assert_eq!(strangers.take(&admin, network(8), now), Err(AWAY));
        assert_eq!(strangers.take(&admin, network(7), now), Ok(()));
        assert!(strangers.take(&admin, network(7), now).is_err());
    }
}
