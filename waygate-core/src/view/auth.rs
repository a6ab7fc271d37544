use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::services::Services;
use crate::{grammar::Invalid, model::text};

/// A permission of a token.
///
/// ```
/// use waygate_core::view::TokenScope;
///
/// let scope: TokenScope = "write:routes".parse()?;
/// assert_eq!(scope, TokenScope::WriteRoutes);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Scope))]
pub enum TokenScope {
    /// Reading everything but tokens.
    #[serde(rename = "read")]
    Read,
    /// Changing routes and their limits.
    #[serde(rename = "write:routes")]
    WriteRoutes,
    /// Changing maintenance and limits of all routes or of a service, announcements, flags and segments.
    #[serde(rename = "write:global")]
    WriteGlobal,
    /// Listing, creating and revoking tokens.
    #[serde(rename = "admin")]
    Admin,
    /// Evaluating all flags. `read` permits it too.
    #[serde(rename = "evaluate")]
    Evaluate,
    /// Evaluating flags that are visible to clients.
    #[serde(rename = "evaluate:client")]
    EvaluateClient,
}

/// A set of scopes.
///
/// ```
/// use waygate_core::view::{TokenScope, TokenScopes};
///
/// let scopes = TokenScopes::from([TokenScope::Read]);
/// assert!(scopes.contains(&TokenScope::Read));
/// ```
pub type TokenScopes = BTreeSet<TokenScope>;

impl TokenScope {
    /// All scopes.
    pub const ALL: [Self; 6] = [
        Self::Read,
        Self::WriteRoutes,
        Self::WriteGlobal,
        Self::Admin,
        Self::Evaluate,
        Self::EvaluateClient,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::WriteRoutes => "write:routes",
            Self::WriteGlobal => "write:global",
            Self::Admin => "admin",
            Self::Evaluate => "evaluate",
            Self::EvaluateClient => "evaluate:client",
        }
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TokenScope {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join("`, `");
            Invalid::new("scope", text, format!("expected one of `{known}`"))
        })
    }
}

/// The client that a token was issued to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// A person at a terminal. The default.
    Cli,
    /// A service that reads its own configuration.
    Sdk,
}

impl Platform {
    /// The platform that a client names. Unknown ones count as `cli` (wire contract, section 3.4).
    pub fn named(text: Option<&str>) -> Self {
        match text {
            Some("sdk") => Self::Sdk,
            _ => Self::Cli,
        }
    }

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Sdk => "sdk",
        }
    }
}

/// A token. It is shown only once.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Login {
    /// The token.
    #[cfg_attr(feature = "schema", schema(format = Password))]
    pub token: String,
    /// The user.
    pub username: String,
    /// The time when the token expires.
    #[cfg_attr(feature = "schema", schema(format = DateTime))]
    pub expires_at: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The owner of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Me {
    /// The user.
    pub username: String,
    /// The platform of the token.
    pub platform: String,
    /// The permissions of the token.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<TokenScope>))]
    pub scopes: TokenScopes,
    /// The services that it is limited to; `null` without a limit.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>, required))]
    pub services: Services,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Token {
    /// The id.
    #[cfg_attr(feature = "schema", schema(example = "9f86d081884c7d65"))]
    pub id: String,
    /// The purpose; `null` for a login.
    #[cfg_attr(feature = "schema", schema(required))]
    pub name: Option<String>,
    /// The owner.
    pub username: String,
    /// The platform.
    pub platform: Platform,
    /// The permissions of the token.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<TokenScope>))]
    pub scopes: TokenScopes,
    /// The services that it is limited to; `null` without a limit.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>, required))]
    pub services: Services,
    /// The time when the token was issued.
    #[serde(with = "text::instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// The time when the token expires.
    #[serde(with = "text::instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub expires_at: Timestamp,
    /// The time of the last request, to a minute or two; `null` if there was none.
    #[serde(default, with = "text::maybe_instant")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, required))]
    pub last_used_at: Option<Timestamp>,
    /// `true` for the token of this request.
    pub current: bool,
}

/// A new token. It is shown only once.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// The token.
    #[cfg_attr(feature = "schema", schema(format = Password))]
    pub token: String,
    /// All but the secret.
    #[serde(flatten)]
    pub about: Token,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}
