use super::{algorithm::HashAlgorithm, murmur3::Murmur3, sha1::Sha1};

/// The number of buckets. Weights are parts of it: 1,000 is one percent.
pub(crate) const TOTAL: u32 = 100_000;

/// The seed of Unleash for variants, so that they do not depend on the rollout.
const UNLEASH_VARIANTS: u32 = 86_028_157;

/// Returns the bucket of a value, between 0 and 99,999.
///
/// `kind` is the kind of the context, which only `waygate-py-sha1` reads.
///
/// ```
/// use waygate_core::flag::{HashAlgorithm, bucket};
///
/// let legacy = bucket(HashAlgorithm::WaygatePySha1, "new-checkout", "user", "user_0");
/// assert_eq!(legacy, 93_717);
/// ```
pub fn bucket(hash: HashAlgorithm, seed: &str, kind: &str, value: &str) -> u32 {
    Bucketer::new(hash, seed).bucket(kind, value)
}

/// An algorithm that has read its seed.
#[derive(Debug, Clone)]
pub(crate) struct Bucketer {
    algorithm: HashAlgorithm,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// `murmur3-v1` and `flagd-v2`.
    Scaled(Murmur3),
    /// The hash modulo the number of steps, each of that many buckets.
    Steps {
        hash: Murmur3,
        steps: u32,
    },
    Python(Box<Sha1>),
    LaunchDarkly(Box<Sha1>),
}

impl Bucketer {
    pub(crate) fn new(hash: HashAlgorithm, seed: &str) -> Self {
        let murmur = |murmur_seed, separator: &[u8]| {
            Murmur3::new(murmur_seed)
                .with(seed.as_bytes())
                .with(separator)
        };
        let sha = |separator: &[u8]| Box::new(Sha1::new().with(seed.as_bytes()).with(separator));
        let state = match hash {
            HashAlgorithm::Murmur3V1 => State::Scaled(murmur(0, b"\x1f")),
            HashAlgorithm::FlagdV2 => State::Scaled(murmur(0, b"")),
            HashAlgorithm::Unleash => State::Steps {
                hash: murmur(0, b":"),
                steps: 100,
            },
            HashAlgorithm::UnleashVariants => State::Steps {
                hash: murmur(UNLEASH_VARIANTS, b":"),
                steps: 1_000,
            },
            HashAlgorithm::WaygatePySha1 => State::Python(sha(b":")),
            HashAlgorithm::LaunchDarklySha1 => State::LaunchDarkly(sha(b".")),
        };
        Self {
            algorithm: hash,
            state,
        }
    }

    pub(crate) fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    pub(crate) fn bucket(&self, kind: &str, value: &str) -> u32 {
        match &self.state {
            State::Scaled(hash) => {
                let hash = u64::from(hash.with(value.as_bytes()).finish());
                // Less than TOTAL, since the hash is less than 2^32.
                ((hash * u64::from(TOTAL)) >> 32) as u32
            }
            State::Steps { hash, steps } => {
                let hash = hash.with(value.as_bytes()).finish();
                hash % steps * (TOTAL / steps)
            }
            State::Python(hash) => {
                let hash = (**hash).clone().with(kind.as_bytes()).with(b":");
                let digest = hash.with(value.as_bytes()).finish();
                let fold = |rest, byte: &u8| (rest * 256 + u32::from(*byte)) % TOTAL;
                digest.iter().fold(0, fold)
            }
            State::LaunchDarkly(hash) => {
                let [a, b, c, d, e, f, g, h, ..] = (**hash).clone().with(value.as_bytes()).finish();
                let first = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 4;
                let scaled = u128::from(first) * u128::from(TOTAL) / 0x0fff_ffff_ffff_ffff;
                // The greatest hash would be bucket 100,000; LaunchDarkly gives it the last variation as well.
                (scaled as u32).min(TOTAL - 1)
            }
        }
    }
}
