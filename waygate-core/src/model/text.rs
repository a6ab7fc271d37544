//! serde for the grammar's values: as text, checked when deserialized.

use std::{borrow::Cow, fmt::Display, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::grammar::{
    self, Algorithm, EnvName, KeySource, Limit, LinkTarget, Method, OnMissingKey, OnStoreFailure,
    PathTemplate, PolicyName, Reason, RoleName, ServiceName, TierLimit, TimeZoneName,
    WindowException,
};

macro_rules! as_text {
    ($($type:ty),+ $(,)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parsed(deserializer)
            }
        }
    )+};
}

as_text!(
    Algorithm,
    EnvName,
    Limit,
    LinkTarget,
    Method,
    OnMissingKey,
    OnStoreFailure,
    PathTemplate,
    PolicyName,
    Reason,
    RoleName,
    ServiceName,
    TimeZoneName,
);

/// Implements the serialization of values with a computed text.
macro_rules! as_displayed {
    ($($type:ty),+ $(,)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parsed(deserializer)
            }
        }
    )+};
}

as_displayed!(KeySource, TierLimit);

pub(super) fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Cow::<'de, str>::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

/// Networks in CIDR form, which is what people write and what error messages explain.
pub(super) mod networks {
    use ipnet::IpNet;

    use super::*;

    /// One deserialized network; [`IpNet`] serializes itself.
    struct Cidr(IpNet);

    impl<'de> Deserialize<'de> for Cidr {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = Cow::<'de, str>::deserialize(deserializer)?;
            grammar::parse_cidr(&text)
                .map(Self)
                .map_err(D::Error::custom)
        }
    }

    pub(crate) fn serialize<S: Serializer>(
        networks: &[IpNet],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(networks.iter().map(IpNet::to_string))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<IpNet>, D::Error> {
        let networks = Vec::<Cidr>::deserialize(deserializer)?;
        Ok(networks.into_iter().map(|Cidr(network)| network).collect())
    }
}

/// Instants as written on the wire, read in every accepted spelling (wire contract, section 1).
pub(crate) mod instant {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        instant: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&grammar::format_wire(*instant, "Z"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        grammar::parse_instant(&text).map_err(D::Error::custom)
    }
}

/// The serialization of optional instants.
pub(crate) mod maybe_instant {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        instant: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        instant
            .map(|instant| grammar::format_wire(instant, "Z"))
            .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
        text.map(|text| grammar::parse_instant(&text).map_err(D::Error::custom))
            .transpose()
    }
}

impl Serialize for WindowException {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WindowException {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}
