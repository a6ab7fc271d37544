//! The networks with a successful login to an account. `throttle.rs` grants them privileges.
//!
//! They are stored, so that the user is known after a restart and on other replicas. The entities are named
//! `login/<network> <account>`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use waygate_core::{StrictJson, Timestamp, port::EntityKey};

use super::{instant, network::Network};
use crate::engine::{Collection, Kind, Logins, Opaque};

/// The most networks of an account; the least recently used one is evicted.
const NETWORKS: usize = 64;
/// The age after which a login renews a record.
const FRESH: Duration = Duration::from_secs(86_400);

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The day of the last successful login.
    #[serde(with = "instant")]
    last: Timestamp,
}

fn key(account: &str, network: Network) -> Box<str> {
    let network = network.map_or_else(|| "unknown".to_owned(), |network| network.to_string());
    format!("{network} {account}").into()
}

/// Returns `true` if the correct password of the account has been sent from this network.
pub(crate) fn is_known(logins: &Collection<Logins>, account: &str, network: Network) -> bool {
    logins.contains(&key(account, network))
}

/// The record to write and the records to delete after a successful login from this network.
pub(crate) fn remember(
    logins: &Collection<Logins>,
    account: &str,
    network: Network,
    now: Timestamp,
) -> (Option<(EntityKey, Value)>, Vec<EntityKey>) {
    let key = key(account, network);
    let last = |value: &Opaque| {
        let record = Record::deserialize(StrictJson(value.into()));
        record.ok().map(|record| record.last)
    };
    let known = logins.get(&key).and_then(|entity| last(&entity.value));
    if known.is_some_and(|last| now.duration_since(last).unsigned_abs() < FRESH) {
        return (None, Vec::new());
    }
    let is_like = |other: &str| {
        let name = other.split_once(' ');
        *other != *key && name.is_some_and(|(_, owner)| owner == account)
    };
    let mut like: Vec<_> = logins
        .iter()
        .filter(|(other, _)| is_like(other))
        .map(|(other, entity)| (last(&entity.value), Logins::entity(other)))
        .collect();
    // Unreadable records are evicted first.
    like.sort();
    let excess = (like.len() + 1).saturating_sub(NETWORKS);
    let forgotten = like.into_iter().take(excess).map(|(_, key)| key);
    let record = serde_json::to_value(Record { last: now }).unwrap_or_default();
    (Some((Logins::entity(&key), record)), forgotten.collect())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use waygate_core::port::Entity;

    use super::*;
    use crate::engine::AnyCollection;

    fn network(last: u8) -> Network {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    /// Applies the writes of a login.
    fn log_in(
        logins: &mut Collection<Logins>,
        account: &str,
        network: Network,
        now: Timestamp,
    ) -> usize {
        let (put, deletes) = remember(logins, account, network, now);
        let written = usize::from(put.is_some());
        if let Some((key, value)) = put {
            let revision = 1;
            logins.put(&key, Entity::new(revision, value)).unwrap();
        }
        for key in deletes {
            logins.delete(&key);
        }
        written
    }

    #[test]
    fn networks_are_bounded_per_account_and_written_once_a_day() {
        let mut logins = Collection::default();
        let begun: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        for hour in 0..48 {
            let now = begun + Duration::from_secs(hour * 3_600);
            let written = log_in(&mut logins, "admin", network(200), now);
            assert_eq!(written, usize::from(hour % 24 == 0), "{hour}");
        }
        log_in(&mut logins, "bob", None, begun);
        assert!(is_known(&logins, "admin", network(200)));
        assert!(!is_known(&logins, "bob", network(200)));
        assert!(is_known(&logins, "bob", None));
        for last in 0..100 {
            let now = begun + Duration::from_secs(200_000 + u64::from(last));
            log_in(&mut logins, "admin", network(last), now);
        }
        assert_eq!(logins.len(), NETWORKS + 1);
        assert!(!is_known(&logins, "admin", network(200)));
        assert!(is_known(&logins, "admin", network(99)));
        assert!(is_known(&logins, "bob", None));
    }
}
