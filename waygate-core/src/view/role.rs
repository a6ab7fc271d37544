use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::auth::{TokenScope, TokenScopes};
use crate::grammar::Invalid;

/// A role of a user: a set of scopes.
///
/// ```
/// use waygate_core::view::{Role, TokenScope};
///
/// let role: Role = "operator".parse()?;
/// assert!(role.scopes().contains(&TokenScope::WriteRoutes));
/// assert!(!role.scopes().contains(&TokenScope::Admin));
/// assert!("root".parse::<Role>().is_err());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads everything but tokens, and evaluates flags.
    Viewer,
    /// Also changes routes, limits, maintenance, announcements, flags and segments.
    Operator,
    /// Also lists, creates and revokes tokens: all scopes.
    Admin,
}

impl Role {
    /// All roles, each with more scopes than the one before.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The scopes of the role.
    pub fn scopes(self) -> TokenScopes {
        let of_viewers = [
            TokenScope::Read,
            TokenScope::Evaluate,
            TokenScope::EvaluateClient,
        ];
        let mut scopes = TokenScopes::from(of_viewers);
        match self {
            Self::Viewer => {}
            Self::Operator => scopes.extend([TokenScope::WriteRoutes, TokenScope::WriteGlobal]),
            Self::Admin => scopes.extend(TokenScope::ALL),
        }
        scopes
    }

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join("`, `");
            Invalid::new("role", text, format!("expected one of `{known}`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_the_scopes_of_the_one_before() {
        let [viewer, operator, admin] = Role::ALL.map(Role::scopes);
        assert!(viewer.is_subset(&operator) && operator.is_subset(&admin));
        assert_eq!((viewer.len(), operator.len(), admin.len()), (3, 5, 6));
        assert!(!operator.contains(&TokenScope::Admin));
    }
}
