use std::hash::{BuildHasher, Hash};

use siphasher::sip::SipHasher13;

/// The subject of an evaluation: the primary context.
pub(super) struct Subject<'a> {
    pub(super) key: &'a str,
    pub(super) kind: &'a str,
    pub(super) hash: u64,
}

/// A secret of the process, by which subjects are hashed.
#[derive(Debug)]
pub(super) struct Secret(u64, u64);

impl Secret {
    pub(super) fn random() -> Self {
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        let (other, _) = uuid::Uuid::new_v4().as_u64_pair();
        Self(high ^ low.rotate_left(32), other ^ low)
    }

    pub(super) fn hash(&self, subject: impl Hash) -> u64 {
        self.hash_one(subject)
    }
}

impl BuildHasher for Secret {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}
