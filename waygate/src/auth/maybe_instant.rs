//! Optional instants in stored records (wire contract, section 1).

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use waygate_core::{
    Timestamp,
    grammar::{format_wire, parse_instant},
};

pub(super) fn serialize<S: Serializer>(
    instant: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match instant {
        Some(instant) => serializer.serialize_str(&format_wire(*instant, "Z")),
        None => serializer.serialize_none(),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let instant = text.map(|text| parse_instant(&text)).transpose();
    instant.map_err(D::Error::custom)
}
