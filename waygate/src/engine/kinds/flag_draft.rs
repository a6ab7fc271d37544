use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waygate_core::{
    Timestamp,
    flag::{Flag, FlagKey},
    grammar::Invalid,
    port::EntityKey,
};

use crate::engine::store::{Kind, Shown, View, named, record};

/// Drafts of feature flags.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct FlagDrafts;

/// A definition that is kept beside the one in effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlagDraft {
    pub(crate) definition: Arc<Flag>,
    /// The revision of the flag that the draft replaces, as text.
    pub(crate) base: String,
    pub(crate) author: String,
    pub(crate) updated_at: Timestamp,
}

impl Kind for FlagDrafts {
    const NAMES: &'static [&'static str] = &["flag_draft"];
    type Key = FlagKey;
    type Value = Arc<FlagDraft>;

    fn parse(kind: &str, name: Option<&str>) -> Result<FlagKey, Invalid> {
        named(kind, name)
    }

    fn entity(key: &FlagKey) -> EntityKey {
        EntityKey::of("flag_draft", key)
    }

    fn shown(key: &FlagKey, draft: Option<&Arc<FlagDraft>>, _: &dyn View) -> Option<Shown> {
        Some(Shown::new("flag_draft", key, draft.cloned().map(record)))
    }
}
