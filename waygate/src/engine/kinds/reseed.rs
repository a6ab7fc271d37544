use serde::{Deserialize, Serialize};
use waygate_core::{grammar::Invalid, model::Revision, port::EntityKey};

use crate::engine::store::{Kind, Shown, View, unknown};

/// The mark of a store that was filled again after it had lost its records.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Reseeds;

/// The revision of the records that the store was filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filled {
    pub(crate) from: Revision,
}

impl Kind for Reseeds {
    const NAMES: &'static [&'static str] = &["reseed"];
    type Key = ();
    type Value = Filled;

    fn parse(kind: &str, name: Option<&str>) -> Result<(), Invalid> {
        match name {
            None => Ok(()),
            Some(_) => Err(unknown(kind)),
        }
    }

    fn entity((): &()) -> EntityKey {
        EntityKey::singleton("reseed")
    }

    fn shown((): &(), _: Option<&Filled>, _: &dyn View) -> Option<Shown> {
        Some(Shown::new("store", "", None))
    }
}
