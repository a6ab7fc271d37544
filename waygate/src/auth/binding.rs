//! Binds a token to the password that it was issued for.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::password::{KEY, SALT};

pub(super) type Salt = [u8; SALT];
pub(super) type Key = [u8; KEY];

/// The binding in a token's record: the base64url of a salt and a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Binding {
    pub(super) salt: Salt,
    pub(super) key: Key,
}

impl From<Binding> for String {
    fn from(binding: Binding) -> Self {
        let (salt, key) = (binding.salt, binding.key);
        Base64UrlUnpadded::encode_string(&[&salt[..], &key[..]].concat())
    }
}

impl TryFrom<String> for Binding {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = Base64UrlUnpadded::decode_vec(&text).unwrap_or_default();
        let parts = bytes.split_at_checked(SALT);
        let parts = parts.and_then(|(salt, key)| {
            let (salt, key) = (salt.try_into().ok()?, key.try_into().ok()?);
            Some(Self { salt, key })
        });
        parts.ok_or_else(|| format!("expected the base64url of {} bytes", SALT + KEY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_a_binding() {
        let (salt, key) = ([1; SALT], [2; KEY]);
        let binding = Binding { salt, key };
        let text = String::from(binding);
        assert_eq!(text.len(), 64);
        assert_eq!(Binding::try_from(text.clone()), Ok(binding));
        for wrong in ["", "AAAA", "!", &text[1..], &format!("{text}AAAA")] {
            assert!(Binding::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
