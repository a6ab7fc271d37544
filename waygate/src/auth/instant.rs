//! Instants in stored records (wire contract, section 1).

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use waygate_core::{
    Timestamp,
    grammar::{format_wire, parse_instant},
};

pub(super) fn serialize<S: Serializer>(
    instant: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_wire(*instant, "Z"))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Timestamp, D::Error> {
    parse_instant(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}
