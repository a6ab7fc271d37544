use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waygate_core::grammar::Invalid;

/// What a token may be used for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub(crate) enum Scope {
    /// Reading everything but tokens.
    #[serde(rename = "read")]
    Read,
    /// Changing routes and their rate limits.
    #[serde(rename = "write:routes")]
    WriteRoutes,
    /// Changing maintenance and rate limits of everything or of a service.
    #[serde(rename = "write:global")]
    WriteGlobal,
    /// Listing, creating and revoking tokens.
    #[serde(rename = "admin")]
    Admin,
}

/// A set of scopes.
pub(crate) type Scopes = BTreeSet<Scope>;

impl Scope {
    pub(crate) const ALL: [Self; 4] = [
        Self::Read,
        Self::WriteRoutes,
        Self::WriteGlobal,
        Self::Admin,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::WriteRoutes => "write:routes",
            Self::WriteGlobal => "write:global",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join("`, `");
            Invalid::new("scope", text, format!("expected one of `{known}`"))
        })
    }
}
