//! Password hashes as PHC strings (<https://github.com/P-H-C/phc-string-format>), of argon2id only.

use std::fmt;

use argon2::Params;
use base64ct::{Base64Unpadded, Encoding};

/// The sizes of salts and hashes in bytes.
const SALTS: std::ops::RangeInclusive<usize> = 8..=48;
const HASHES: std::ops::RangeInclusive<usize> = 10..=64;

/// The password hash of an account.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash {
    /// Memory in KiB, passes and lanes.
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

impl PasswordHash {
    /// Reads `$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>`.
    ///
    /// # Errors
    /// A description of the mistake.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('$').collect();
        let [start, algorithm, rest @ ..] = &parts[..] else {
            return Err("it has no `$`".to_owned());
        };
        if !start.is_empty() {
            return Err("it does not begin with `$`".to_owned());
        }
        if *algorithm != "argon2id" {
            return Err(format!("the algorithm is `{algorithm}`"));
        }
        let [version, parameters, salt, hash] = rest else {
            return Err("it does not have all its parts".to_owned());
        };
        if *version != "v=19" {
            return Err(format!("the version is `{version}`"));
        }
        let [memory, passes, lanes] =
            numbers(parameters).ok_or_else(|| format!("the parameters are `{parameters}`"))?;
        let read = Self {
            memory,
            passes,
            lanes,
            salt: bytes("salt", salt, SALTS)?,
            hash: bytes("hash", hash, HASHES)?,
        };
        read.params().map(|_| read)
    }

    pub(super) fn params(&self) -> Result<Params, String> {
        Params::new(self.memory, self.passes, self.lanes, Some(self.hash.len()))
            .map_err(|error| error.to_string())
    }
}

/// `m`, `t` and `p`, each once and in any order.
fn numbers(parameters: &str) -> Option<[u32; 3]> {
    let mut found = [None; 3];
    for parameter in parameters.split(',') {
        let (name, value) = parameter.split_once('=')?;
        let place = &mut found[["m", "t", "p"].iter().position(|known| *known == name)?];
        let canonical = value == "0" || !value.starts_with(['0', '+']);
        if place.is_some() || !canonical {
            return None;
        }
        *place = Some(value.parse().ok()?);
    }
    let [memory, passes, lanes] = found;
    Some([memory?, passes?, lanes?])
}

fn bytes(
    noun: &str,
    text: &str,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<Vec<u8>, String> {
    let bytes = Base64Unpadded::decode_vec(text)
        .map_err(|_| format!("the {noun} is no base64 without padding"))?;
    if !lengths.contains(&bytes.len()) {
        let (least, most) = lengths.into_inner();
        return Err(format!("the {noun} must have {least} to {most} bytes"));
    }
    Ok(bytes)
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, hash) = (
            Base64Unpadded::encode_string(&self.salt),
            Base64Unpadded::encode_string(&self.hash),
        );
        let (memory, passes, lanes) = (self.memory, self.passes, self.lanes);
        write!(
            f,
            "$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"
        )
    }
}

/// Omits the salt and the hash, which do not belong in a log.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash")
            .field("memory", &self.memory)
            .field("passes", &self.passes)
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "c29tZXNhbHQ";
    const HASH: &str = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    #[test]
    fn written_hashes_are_read() {
        let text = format!("$argon2id$v=19$m=65536,t=2,p=1${SALT}${HASH}");
        let read = PasswordHash::read(&text).unwrap();
        assert_eq!(read.salt, b"somesalt");
        assert_eq!((read.memory, read.passes, read.lanes), (65_536, 2, 1));
        assert_eq!(read.to_string(), text);
        let other_order = format!("$argon2id$v=19$p=1,m=65536,t=2${SALT}${HASH}");
        assert_eq!(PasswordHash::read(&other_order).unwrap(), read);
        assert!(!format!("{read:?}").contains(HASH));
    }

    #[test]
    fn problems_are_named() {
        let problem = |text: &str| PasswordHash::read(text).unwrap_err();
        let with = |parameters: &str, salt: &str, hash: &str| {
            problem(&format!("$argon2id$v=19${parameters}${salt}${hash}"))
        };
        assert_eq!(problem("secret"), "it has no `$`");
        assert_eq!(problem("a$argon2id"), "it does not begin with `$`");
        assert_eq!(problem("$2b$12$abc"), "the algorithm is `2b`");
        assert_eq!(problem("$argon2id$v=16$a$b$c"), "the version is `v=16`");
        assert_eq!(
            problem("$argon2id$v=19$m=65536,t=2,p=1"),
            "it does not have all its parts"
        );
        for parameters in [
            "",
            "m=65536,t=2",
            "m=65536,t=2,p=1,p=1",
            "m=65536,t=2,q=1",
            "m=65536,t=02,p=1",
            "m=65536,t=+2,p=1",
            "m=65536,t=-2,p=1",
            "m=99999999999,t=2,p=1",
        ] {
            assert_eq!(
                with(parameters, SALT, HASH),
                format!("the parameters are `{parameters}`")
            );
        }
        // The library's error is passed on.
        assert!(!with("m=65536,t=0,p=1", SALT, HASH).is_empty());
        assert!(!with("m=1,t=2,p=4", SALT, HASH).is_empty());
        let plain = "m=65536,t=2,p=1";
        assert_eq!(
            with(plain, "c29tZXNhbHQ=", HASH),
            "the salt is no base64 without padding"
        );
        assert_eq!(
            with(plain, "c29t", HASH),
            "the salt must have 8 to 48 bytes"
        );
        assert_eq!(
            with(plain, SALT, "c29t"),
            "the hash must have 10 to 64 bytes"
        );
    }
}
