//! All flags of a snapshot in order, and their version.

use std::{fmt, str::FromStr, sync::Arc};

use arc_swap::ArcSwap;
use waygate_core::{
    flag::{CompiledFlag, FlagSet},
    model::Revision,
};

use super::{
    edition::{Digests, Edition},
    token::Audience,
};
use crate::Waygate;

/// All flags, by key.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    pub(super) set: Arc<FlagSet>,
    pub(super) flags: Box<[Arc<CompiledFlag>]>,
    digests: Digests,
    server: Edition,
    client: Edition,
    /// Some results change with time alone: those of progressive rollouts.
    pub(super) reads_clock: bool,
}

impl Configuration {
    /// The version of all that an audience depends on.
    pub(super) fn edition(&self, audience: Audience) -> Edition {
        match audience {
            Audience::Server => self.server,
            Audience::Client => self.client,
        }
    }
}

/// The configuration of the engine's current snapshot, compiled once per change.
#[derive(Debug, Default)]
pub(super) struct Configurations(ArcSwap<Configuration>);

impl Configurations {
    pub(super) fn current(&self, waygate: &Waygate) -> Arc<Configuration> {
        let flags = waygate.flags();
        let known = self.0.load_full();
        if Arc::ptr_eq(&known.set, flags.shared_set()) {
            return known;
        }
        let set = flags.shared_set().clone();
        let mut by_key: Vec<_> = set.flags().cloned().collect();
        by_key.sort_unstable_by(|one, other| one.definition().key.cmp(&other.definition().key));
        let options = waygate.inner.flag_options;
        let digests = Digests::of(&by_key, &set, &known.digests);
        let compiled = Arc::new(Configuration {
            server: digests.edition(&by_key, options, Audience::Server),
            client: digests.edition(&by_key, options, Audience::Client),
            digests,
            reads_clock: by_key
                .iter()
                .any(|flag| flag.definition().progressive.is_some()),
            flags: by_key.into(),
            set,
        });
        self.0.store(compiled.clone());
        compiled
    }
}

/// The version of a configuration in events and in `flagConfigEtag`: the fingerprint, and the revision of the store that
/// had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) fingerprint: u64,
    pub(super) revision: Revision,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.fingerprint, self.revision)
    }
}

/// Text that is no version.
#[derive(Debug)]
pub(super) struct NoVersion;

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let read = || {
            let (fingerprint, revision) = text.trim_matches('"').split_once('.')?;
            let (epoch, number) = revision.split_once('-')?;
            Some(Self {
                fingerprint: u64::from_str_radix(fingerprint, 16).ok()?,
                revision: Revision {
                    epoch: epoch.parse().ok()?,
                    number: number.parse().ok()?,
                },
            })
        };
        read().ok_or(NoVersion)
    }
}

#[cfg(test)]
mod tests {
    use waygate_core::model::Epoch;

    use super::*;

    #[test]
    fn a_version_is_read_back() {
        let version = Version {
            fingerprint: 0xabc,
            revision: Revision {
                epoch: Epoch::random(),
                number: 7,
            },
        };
        let text = version.to_string();
        assert_eq!(text.parse::<Version>().unwrap(), version);
        assert_eq!(format!("\"{text}\"").parse::<Version>().unwrap(), version);
        for other in [
            "",
            "abc",
            "550e8400-e29b-41d4-a716-446655440000",
            "1.2",
            "x.1-1",
        ] {
            assert!(other.parse::<Version>().is_err(), "{other}");
        }
    }
}
