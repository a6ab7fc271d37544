use std::str::FromStr;

use serde::{Deserialize, Serialize};
use waygate_core::{
    grammar::{Invalid, PolicyName, Reason},
    port::EntityKey,
};

#[cfg(feature = "admin")]
use crate::engine::store::Setting;
use crate::engine::store::{Kind, Shown, View, named, record};

/// Texts by operators on the documentation page.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Announcements;

/// One line of 1 to 500 characters, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub(crate) struct Announcement {
    text: Box<str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    text: String,
}

impl Announcement {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl FromStr for Announcement {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| Invalid::new("announcement", text, problem);
        let line: Reason = text
            .parse()
            .map_err(|error: Invalid| invalid(error.problem().to_owned()))?;
        match line.as_str().chars().count() {
            1..=500 => Ok(Self {
                text: line.as_str().into(),
            }),
            _ => Err(invalid("use 1 to 500 characters".to_owned())),
        }
    }
}

impl TryFrom<Fields> for Announcement {
    type Error = Invalid;

    fn try_from(fields: Fields) -> Result<Self, Invalid> {
        fields.text.parse()
    }
}

impl Kind for Announcements {
    const NAMES: &'static [&'static str] = &["announcement"];
    type Key = PolicyName;
    type Value = Announcement;

    fn parse(kind: &str, name: Option<&str>) -> Result<PolicyName, Invalid> {
        named(kind, name)
    }

    fn entity(name: &PolicyName) -> EntityKey {
        EntityKey::of("announcement", name)
    }

    fn notice(announcement: &Announcement) -> Option<&str> {
        Some(announcement.text())
    }

    fn shown(name: &PolicyName, value: Option<&Announcement>, _: &dyn View) -> Option<Shown> {
        Some(Shown::new("announcement", name, value.cloned().map(record)))
    }
}

#[cfg(feature = "admin")]
impl Setting for Announcements {}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn the_stored_form_is_that_of_requests() {
        let stored = json!({"text": "Soon."});
        let read: Announcement = from_value(stored.clone()).unwrap();
        assert_eq!(to_value(read).unwrap(), stored);
        for wrong in [json!({}), json!({"text": ""}), json!({"text": "a", "b": 1})] {
            assert!(from_value::<Announcement>(wrong).is_err());
        }
    }
}
