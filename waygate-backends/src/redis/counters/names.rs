use std::sync::{Mutex, PoisonError};

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac_sha256::Hash;
use waygate_core::port::CounterKey;

/// Names of keys in Redis.
///
/// The key of a counter may be an address or a password, so names contain only digests of the key and the counter key, which
/// are equal in all processes with the same prefix. The digest of the key comes first, in braces: all counters of one
/// key are in one slot of a cluster.
pub(super) struct Names {
    prefix: String,
    salted: Hash,
    known: Box<[Mutex<Known>]>,
}

/// A counter key and its digest.
type Known = Option<(Box<str>, Digest128)>;
type Digest128 = [u8; 16];

/// The number of slots for remembered counter keys; a counter key replaces another one in the same slot.
const PLACES: usize = 1_024;

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        let mut salted = Hash::new();
        salted.update(b"waygate counters\0");
        salted.update(prefix.as_bytes());
        salted.update(b"\0");
        Self {
            prefix: prefix.to_owned(),
            salted,
            known: (0..PLACES).map(|_| Mutex::default()).collect(),
        }
    }

    pub(super) fn counter(&self, counter_key: &CounterKey, key: &[u8]) -> String {
        self.name("c", counter_key, key)
    }

    pub(super) fn permits(&self, counter_key: &CounterKey, key: &[u8]) -> String {
        self.name("o", counter_key, key)
    }

    /// The key with the live processes.
    pub(super) fn processes(&self) -> String {
        format!("{}:c:processes", self.prefix)
    }

    /// The key that is lost with the counters.
    pub(super) fn mark(&self) -> String {
        format!("{}:c:processes:mark", self.prefix)
    }

    fn name(&self, kind: &str, counter_key: &CounterKey, key: &[u8]) -> String {
        let key = self.digest(b"k", key);
        let mut name = String::with_capacity(self.prefix.len() + 52);
        for part in [&self.prefix, ":", kind, ":{"] {
            name.push_str(part);
        }
        push_base64(&mut name, &key);
        name.push_str("}:");
        push_base64(&mut name, &self.counter_key(counter_key));
        name
    }

    /// Returns the digest of a counter key, from a cache: there are few, and they are stable.
    fn counter_key(&self, counter_key: &CounterKey) -> Digest128 {
        let place = &self.known[counter_key.seed() as usize % PLACES];
        // A panic under the lock cannot leave the value half changed.
        let mut known = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, digest)) = &*known
            && **name == *counter_key.name()
        {
            return *digest;
        }
        let digest = self.digest(b"s", counter_key.name().as_bytes());
        *known = Some((counter_key.name().into(), digest));
        digest
    }

    fn digest(&self, kind: &[u8], text: &[u8]) -> Digest128 {
        let mut hasher = self.salted;
        hasher.update(kind);
        hasher.update(text);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize()[..16]);
        digest
    }
}

fn push_base64(name: &mut String, digest: &Digest128) {
    // Sixteen bytes are twenty-two characters, so this cannot fail.
    name.push_str(Base64UrlUnpadded::encode(digest, &mut [0; 22]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_reveal_no_key() {
        let counter_key = |rate| CounterKey::new("GET:/payments", "per client", rate, 0);
        let names = Names::new("shop");
        let name = names.counter(&counter_key(0), b"203.0.113.7");
        // Must not change: several versions may share a Redis.
        assert_eq!(
            name,
            "shop:c:{sfKk4jDPrci1zw5n4e4rDQ}:s1RWW6MGqhhKZZAge6UYVw"
        );
        for other in [
            names.counter(&counter_key(1), b"203.0.113.7"),
            names.counter(&counter_key(0), b"203.0.113.8"),
            names.permits(&counter_key(0), b"203.0.113.7"),
            Names::new("other").counter(&counter_key(0), b"203.0.113.7"),
        ] {
            assert_ne!(name, other);
        }
        let slot = |name: &str| name.split(['{', '}']).nth(1).map(str::to_owned);
        assert_eq!(
            slot(&name),
            slot(&names.counter(&counter_key(1), b"203.0.113.7"))
        );
    }
}
