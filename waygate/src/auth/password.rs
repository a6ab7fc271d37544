//! argon2id: hashes passwords, checks them, and derives keys.

use argon2::{Algorithm, Argon2, Params, Version};
use hmac_sha256::Hash;
use subtle::ConstantTimeEq;

use super::{memory, phc::PasswordHash};

/// Memory in KiB, passes and lanes: the minimum of OWASP.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Other parameters are as strong if memory × passes reaches the minimum of OWASP's equivalents (7168 KiB × 5).
const LEAST_WORK: u64 = 7_168 * 5;
const LEAST_MEMORY: u32 = 7_168;
/// The maximum cost of a check.
const MOST_MEMORY: u32 = 262_144;
const MOST_WORK: u64 = 1_048_576;

/// The size of derived keys in bytes.
pub(super) const KEY: usize = 32;
pub(super) const SALT: usize = 16;

/// Hashes the password of an account.
///
/// The salt is derived from the name, so that all replicas and later starts compute the same hash. It is kept in
/// memory only; the stored key ([`derive`]) has a random salt.
pub(super) fn hash(user: &str, password: &str) -> Result<PasswordHash, String> {
    let digest = Hash::hash(format!("waygate account {user}").as_bytes());
    let salt = &digest[..SALT];
    let mut output = [0; KEY];
    fill(params()?, password.as_bytes(), salt, &mut output)?;
    Ok(PasswordHash {
        memory: MEMORY,
        passes: PASSES,
        lanes: LANES,
        salt: salt.to_vec(),
        hash: output.to_vec(),
    })
}

/// Derives a key from the hash of an account's password. Since the salt is random, guessing the password from the key
/// takes at least as long per guess as a login.
pub(super) fn derive(hash: &PasswordHash, salt: [u8; SALT]) -> Result<[u8; KEY], String> {
    let mut key = [0; KEY];
    fill(params()?, &hash.hash, &salt, &mut key)?;
    Ok(key)
}

/// Returns `true` if the hash is that of `password`.
pub(super) fn matches(hash: &PasswordHash, password: &str) -> bool {
    let mut found = vec![0; hash.hash.len()];
    let filled = hash
        .params()
        .and_then(|params| fill(params, password.as_bytes(), &hash.salt, &mut found));
    filled.is_ok() && found.ct_eq(&hash.hash).into()
}

/// Reserves memory for checks of this hash.
pub(super) fn prepare(hash: &PasswordHash) {
    let blocks = [hash.params().ok(), params().ok()];
    let most = blocks.iter().flatten().map(Params::block_count).max();
    memory::prepare(most.unwrap_or_default());
}

fn params() -> Result<Params, String> {
    Params::new(MEMORY, PASSES, LANES, None).map_err(text)
}

fn fill(params: Params, password: &[u8], salt: &[u8], output: &mut [u8]) -> Result<(), String> {
    memory::with(params.block_count(), |memory| {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password, salt, output, memory)
            .map_err(text)
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Parses a PHC string. Rejects parameters that are too weak or too costly.
pub(super) fn parse(phc: &str) -> Result<PasswordHash, String> {
    let form = "expected a PHC string such as `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`";
    let hash = PasswordHash::read(phc).map_err(|problem| format!("{problem}; {form}"))?;
    let (memory, passes) = (hash.memory, hash.passes);
    let work = u64::from(memory) * u64::from(passes);
    if memory < LEAST_MEMORY || work < LEAST_WORK {
        return Err(format!(
            "`m={memory},t={passes}` is too weak; use at least `m={MEMORY},t={PASSES},p={LANES}`"
        ));
    }
    if memory > MOST_MEMORY || work > MOST_WORK {
        return Err(format!(
            "`m={memory},t={passes}` is too costly for every login; use at most `m={MOST_MEMORY}` and a product of m \
             and t of {MOST_WORK}"
        ));
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_have_the_documented_parameters() {
        let made = hash("admin", "secret").unwrap();
        assert!(
            made.to_string()
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
        assert_eq!(parse(&made.to_string()).unwrap(), made);
        // Replicas compute equal hashes, and users have different ones.
        assert_eq!(hash("admin", "secret").unwrap(), made);
        assert_ne!(hash("bob", "secret").unwrap().hash, made.hash);
    }

    #[test]
    fn used_memory_does_not_affect_the_result() {
        // A test vector of the reference implementation, for `password`.
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let (large, small) = (parse(phc).unwrap(), hash("admin", "secret").unwrap());
        for _ in 0..3 {
            assert!(matches(&large, "password"));
            assert!(!matches(&large, "Password"));
            assert!(matches(&small, "secret"));
            assert!(!matches(&small, ""));
        }
    }

    #[test]
    fn derived_keys_depend_on_the_password_and_the_salt() {
        let of = |password: &str, salt: u8| {
            let hash = hash("admin", password).unwrap();
            derive(&hash, [salt; SALT]).unwrap()
        };
        assert_eq!(of("a", 1), of("a", 1));
        assert_ne!(of("a", 1), of("a", 2));
        assert_ne!(of("a", 1), of("b", 1));
    }

    #[test]
    fn weak_and_excessive_hashes_are_refused() {
        let with = |algorithm: &str, params: &str| {
            let phc = format!(
                "${algorithm}$v=19${params}$c29tZSBzYWx0IGhlcmU$7KUgBAUd6dJuTFWGvbHFEFhsHFCqFYKlIn7TEI1W6rk"
            );
            parse(&phc).err().unwrap_or_default()
        };
        assert_eq!(with("argon2id", "m=19456,t=2,p=1"), "");
        assert_eq!(with("argon2id", "m=7168,t=5,p=1"), "");
        assert!(with("argon2i", "m=19456,t=2,p=1").contains("the algorithm is `argon2i`"));
        assert!(with("argon2id", "m=4096,t=3,p=1").contains("too weak"));
        assert!(with("argon2id", "m=19456,t=1,p=1").contains("too weak"));
        assert!(with("argon2id", "m=4194304,t=1,p=1").contains("too costly"));
        assert!(with("argon2id", "m=19456,t=4000000,p=1").contains("too costly"));
        assert!(
            parse("secret")
                .unwrap_err()
                .contains("expected a PHC string")
        );
        assert!(parse("$argon2id$v=19$m=19456,t=2,p=1").is_err());
    }
}
