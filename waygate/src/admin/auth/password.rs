//! argon2id, and a bound on how much of it runs at a time.

use std::sync::Arc;

use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier,
    Version,
};
use tokio::sync::Semaphore;
use waygate_core::Secret;

/// Memory in KiB, passes and lanes: the least that OWASP asks for.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Other parameters are as good if memory × passes reaches the least of OWASP's equivalents (7168 KiB × 5).
const LEAST_WORK: u64 = 7_168 * 5;
const LEAST_MEMORY: u32 = 7_168;
/// What a single check may cost.
const MOST_MEMORY: u32 = 262_144;
const MOST_WORK: u64 = 1_048_576;

/// Hashes a password with a random salt.
pub(super) fn hash(password: &str) -> Result<PasswordHash, String> {
    let params = Params::new(MEMORY, PASSES, LANES, None).map_err(|error| error.to_string())?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| error.to_string())
}

/// Reads a PHC string, and refuses what would be too weak or too costly to check.
pub(super) fn parse(phc: &str) -> Result<PasswordHash, String> {
    let form = "expected a PHC string such as `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`";
    let hash = PasswordHash::new(phc).map_err(|error| format!("{error}; {form}"))?;
    if hash.algorithm != ARGON2ID_IDENT {
        let algorithm = hash.algorithm.as_str();
        return Err(format!("the algorithm is `{algorithm}`; {form}"));
    }
    if hash.salt.is_none() || hash.hash.is_none() || hash.version != Some(0x13) {
        return Err(form.to_owned());
    }
    let params = Params::try_from(&hash).map_err(|error| format!("{error}; {form}"))?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() < LEAST_MEMORY || work < LEAST_WORK {
        return Err(format!(
            "`m={},t={}` is too weak; use at least `m={MEMORY},t={PASSES},p={LANES}`",
            params.m_cost(),
            params.t_cost()
        ));
    }
    if params.m_cost() > MOST_MEMORY || work > MOST_WORK {
        return Err(format!(
            "`m={},t={}` is too costly for every login; use at most `m={MOST_MEMORY}` and a product of m and t of \
             {MOST_WORK}",
            params.m_cost(),
            params.t_cost()
        ));
    }
    Ok(hash)
}

/// How many checks run at a time, and how many may wait for one to end.
const RUNNING: usize = 2;
const WAITING: usize = 32;

/// Checks passwords away from the async threads, and no more at a time than memory and cores can bear.
#[derive(Debug)]
pub(crate) struct Verifier {
    running: Arc<Semaphore>,
    admitted: Semaphore,
}

/// There are as many checks waiting as may wait.
#[derive(Debug)]
pub(crate) struct Busy;

impl Default for Verifier {
    fn default() -> Self {
        Self {
            running: Arc::new(Semaphore::new(RUNNING)),
            admitted: Semaphore::new(RUNNING + WAITING),
        }
    }
}

impl Verifier {
    /// Whether `password` is the one that was hashed.
    pub(crate) async fn verify(
        &self,
        hash: PasswordHash,
        password: Secret<String>,
    ) -> Result<bool, Busy> {
        let _admitted = self.admitted.try_acquire().map_err(|_| Busy)?;
        let permit = self.running.clone().acquire_owned().await;
        let check = tokio::task::spawn_blocking(move || {
            // Held to the end of the work, even if nobody waits for its outcome any more.
            let _permit = permit;
            let password = password.expose().as_bytes();
            Argon2::default().verify_password(password, &hash).is_ok()
        });
        Ok(check.await.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_the_parameters_that_are_promised() {
        let hash = hash("secret").unwrap();
        assert!(
            hash.to_string()
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
        assert_eq!(parse(&hash.to_string()).unwrap(), hash);
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

    #[tokio::test]
    async fn right_passwords_pass_and_wrong_ones_do_not() {
        let (verifier, hash) = (Verifier::default(), hash("secret").unwrap());
        let check = async |password: &str| {
            let password = Secret::new(password.to_owned());
            verifier.verify(hash.clone(), password).await.unwrap()
        };
        assert!(check("secret").await);
        assert!(!check("Secret").await);
        assert!(!check("").await);
    }

    #[tokio::test]
    async fn a_flood_is_turned_away() {
        let verifier = Verifier::default();
        let _all = verifier.admitted.try_acquire_many(34).unwrap();
        let check = verifier.verify(hash("a").unwrap(), Secret::new("a".to_owned()));
        assert!(check.await.is_err());
    }
}
