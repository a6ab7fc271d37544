use serde::{Deserialize, Serialize};
use waygate_core::{grammar::Invalid, port::EntityKey};

use crate::engine::store::{Kind, Shown, View, unknown};

/// The mark of the last change of relations between flags and segments. Each such change expects the mark that its check
/// knew, so that two processes do not accept changes that are valid alone and form a cycle together.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct FlagRelations;

/// The content of the mark: only its revision counts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Related {}

impl Kind for FlagRelations {
    const NAMES: &'static [&'static str] = &["flag_relations"];
    type Key = ();
    type Value = Related;

    fn parse(kind: &str, name: Option<&str>) -> Result<(), Invalid> {
        match name {
            None => Ok(()),
            Some(_) => Err(unknown(kind)),
        }
    }

    fn entity((): &()) -> EntityKey {
        EntityKey::singleton("flag_relations")
    }

    fn shown((): &(), _: Option<&Related>, _: &dyn View) -> Option<Shown> {
        None
    }
}
