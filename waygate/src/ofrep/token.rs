use std::fmt;

use hmac_sha256::Hash;
use subtle::ConstantTimeEq;
use waygate_core::grammar::EnvName;

use super::error::InvalidOption;

/// The clients that a token is for, which decides the flags that they see.
///
/// ```
/// use waygate::ofrep::{Audience, Ofrep};
///
/// let public = Ofrep::open(Audience::Client);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audience {
    /// Services: all flags, and why each has its value.
    Server,
    /// Clients on other people's devices, such as browsers: flags with
    /// [`client_visible`](crate::flags::Flag::client_visible), without the details of their rules.
    Client,
}

/// A secret that clients send as `Authorization: Bearer ..` or `X-API-Key: ..`. Only its SHA-256 is kept.
///
/// A token of the [client audience](Audience::Client) is no secret in fact: it is in the page or the app. It only selects
/// what is served.
///
/// ```
/// use waygate::ofrep::Token;
///
/// let service = Token::server("srv_5a2f0f9e7c6d4b1a")?;
/// let page = Token::client("web_0d9c8b7a6f5e4d3c")?.in_environment("production")?;
/// # Ok::<(), waygate::ofrep::InvalidOption>(())
/// ```
#[derive(Clone)]
pub struct Token {
    pub(super) digest: Digest,
    pub(super) audience: Audience,
    pub(super) environment: Option<EnvName>,
}

const SHORTEST: usize = 16;
const LONGEST: usize = 256;

impl Token {
    /// A token for services.
    ///
    /// # Errors
    /// [`InvalidOption`] unless it has 16 to 256 visible ASCII characters.
    pub fn server(secret: &str) -> Result<Self, InvalidOption> {
        Self::new(secret, Audience::Server)
    }

    /// A token for clients on other people's devices.
    ///
    /// # Errors
    /// As [`server`](Self::server).
    pub fn client(secret: &str) -> Result<Self, InvalidOption> {
        Self::new(secret, Audience::Client)
    }

    /// Binds the token to an environment. A process of another one refuses it with 403.
    ///
    /// # Errors
    /// [`InvalidOption`] if the name is no environment.
    pub fn in_environment(mut self, name: &str) -> Result<Self, InvalidOption> {
        self.environment = Some(name.parse()?);
        Ok(self)
    }

    fn new(secret: &str, audience: Audience) -> Result<Self, InvalidOption> {
        let length = secret.len();
        let visible = secret.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || !(SHORTEST..=LONGEST).contains(&length) {
            let found = match visible {
                true => format!("this one has {length}"),
                false => "this one has others".to_owned(),
            };
            let problem = format!("use {SHORTEST} to {LONGEST} visible ASCII characters; {found}");
            return Err(InvalidOption::new("token", problem));
        }
        Ok(Self {
            digest: Digest::of(secret),
            audience,
            environment: None,
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("audience", &self.audience)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

/// The SHA-256 of a token, which also signs its tickets.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

/// The public name of a token: the first bytes of its digest.
pub(crate) type DigestId = [u8; 8];

impl Digest {
    #[cfg(feature = "admin")]
    pub(crate) fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    pub(crate) fn of(text: &str) -> Self {
        Self(Hash::hash(text.as_bytes()))
    }

    pub(crate) fn id(self) -> DigestId {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }

    pub(super) fn key(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    pub(super) fn is(self, other: Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}
