//! The codes of device logins (RFC 8628), and their stored records.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac_sha256::Hash;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use waygate_core::{
    Secret, Timestamp,
    port::EntityKey,
    view::{Services, TokenScopes},
};

use super::{binding::Binding, instant};
use crate::engine::{Devices, Kind};

/// The time in which a code must be approved.
pub(crate) const LIFETIME: Duration = Duration::from_secs(600);

/// The letters of a user code: no vowels, so that it spells no word, and no characters that look alike (RFC 8628
/// section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Eight letters have 34.5 bits. Guesses are limited by user.
const LENGTH: usize = 8;
const PREFIX: &str = "wgd_";

/// The hash of a code, in hexadecimal.
pub(super) fn hash(code: &str) -> String {
    let hash = Hash::hash(code.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key of the record of a device code.
pub(super) fn entity(hash: &str) -> EntityKey {
    Devices::entity(&hash.into())
}

/// Generates a device code: the second in which it was made, so that a process that does not know the code yet can
/// distinguish it from an expired one, and 256 random bits.
pub(super) fn device_code(now: Timestamp) -> Result<Secret<String>, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let random = Base64UrlUnpadded::encode_string(&bytes);
    Ok(Secret::new(format!(
        "{PREFIX}{:x}_{random}",
        now.as_second()
    )))
}

/// The second in which a device code was made.
pub(super) fn made_at(device_code: &str) -> Option<i64> {
    let (second, _) = device_code.strip_prefix(PREFIX)?.split_once('_')?;
    i64::from_str_radix(second, 16).ok()
}

/// Generates a user code.
pub(super) fn user_code() -> Result<String, getrandom::Error> {
    let mut code = String::new();
    while code.len() < LENGTH {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        // The largest multiple of 20 in a byte, so that all letters are equally likely.
        let letters = bytes.into_iter().filter(|byte| *byte < 240);
        let letters = letters.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
        code.extend(letters.take(LENGTH - code.len()));
    }
    Ok(code)
}

/// A user code with a hyphen, for people.
pub(super) fn shown(user_code: &str) -> String {
    let (first, second) = user_code.split_at(LENGTH / 2);
    format!("{first}-{second}")
}

/// A user code as it was generated: in capitals, and without what people add. `None` if it is none.
pub(super) fn read(typed: &str) -> Option<String> {
    let is_added = |c: &char| matches!(c, '-' | ' ');
    let code: String = typed
        .chars()
        .filter(|c| !is_added(c))
        .take(LENGTH + 1)
        .collect();
    let code = code.to_ascii_uppercase();
    let is_code = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
    is_code.then_some(code)
}

/// A device login that waits for a user, or for its device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The SHA-256 of the user code.
    pub(super) user_code: String,
    #[serde(with = "instant")]
    pub(super) expires_at: Timestamp,
    /// The network of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) decision: Option<Decision>,
}

/// The decision of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    /// The device may act for this user.
    Approved {
        username: String,
        scopes: TokenScopes,
        #[serde(default, skip_serializing_if = "Services::are_all")]
        services: Services,
        /// Ties the approval to the password of the user. `None` if the application has authenticated the user.
        binding: Option<Binding>,
        /// The id of the token of the approval, which the device's does not outlive.
        approved_by: Box<str>,
    },
    Denied,
}

impl Pending {
    /// Compares in constant time.
    pub(super) fn has(&self, user_code: &str) -> bool {
        let hash = hash(user_code);
        self.user_code.as_bytes().ct_eq(hash.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_codes_are_read_as_people_write_them() {
        let code = user_code().unwrap();
        assert_eq!(code.len(), LENGTH);
        for typed in [
            code.clone(),
            shown(&code),
            shown(&code).to_lowercase(),
            format!(" {} {} ", &code[..4], &code[4..]),
        ] {
            assert_eq!(read(&typed), Some(code.clone()), "{typed}");
        }
        for wrong in [
            "",
            "BCDF-GHJ",
            "BCDF-GHJKL",
            "BCDF-GHJA",
            "BCDF-GHJ1",
            "BCDF-GHJÄ",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_device_code_has_its_time() {
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let code = device_code(now).unwrap();
        assert_eq!(made_at(code.expose()), Some(now.as_second()));
        for other in ["", "wg_x", "wgd_", "wgd_zz_x"] {
            assert_eq!(made_at(other), None, "{other}");
        }
    }
}
