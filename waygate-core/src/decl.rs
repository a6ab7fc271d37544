//! What an attribute declares, in a form that a `static` can hold.
//!
//! The macros validate every text with [`crate::grammar`] before they emit one of these, so the engine
//! can read them back with the same parsers. Times are seconds since the Unix epoch because
//! [`Timestamp`](crate::Timestamp) has no infallible constructor in a constant.

/// One attribute on one handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gate {
    /// `#[maintenance]`: answered 503, for good or inside a window.
    Maintenance {
        /// Why, as clients read it; may be empty.
        reason: &'static str,
        /// `(start, end)` in Unix seconds; `None` means now and until changed.
        window: Option<(i64, i64)>,
    },
    /// `#[disabled]`: answered 503.
    Disabled {
        /// Why, as clients read it; may be empty.
        reason: &'static str,
    },
    /// `#[env_only]`: answered 403 in every other environment.
    EnvOnly {
        /// Names of the environments that are served.
        envs: &'static [&'static str],
    },
    /// `#[allowed_ips]`: answered 403 for clients outside these networks.
    AllowedIps {
        /// Networks in CIDR form.
        networks: &'static [&'static str],
    },
    /// `#[allowed_roles]`: answered 403 for clients that have none of these roles.
    AllowedRoles {
        /// Role names.
        roles: &'static [&'static str],
    },
    /// `#[waygate::deprecated]`, in the prelude `#[sunset]`: served, with RFC 9745 and RFC 8594 headers.
    Deprecated {
        /// When the deprecation took or takes effect, in Unix seconds.
        since: Option<i64>,
        /// When the route is to go away, in Unix seconds.
        sunset: Option<i64>,
        /// The successor's path or URL.
        use_instead: Option<&'static str>,
    },
    /// `#[force_active]`: always served, and refuses changes.
    ForceActive,
}

impl Gate {
    /// The attribute's name, as it is written.
    pub const fn attribute(&self) -> &'static str {
        match self {
            Self::Maintenance { .. } => "maintenance",
            Self::Disabled { .. } => "disabled",
            Self::EnvOnly { .. } => "env_only",
            Self::AllowedIps { .. } => "allowed_ips",
            Self::AllowedRoles { .. } => "allowed_roles",
            Self::Deprecated { .. } => "deprecated",
            Self::ForceActive => "force_active",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gate_knows_how_it_is_written() {
        let gates = [
            (
                Gate::Maintenance {
                    reason: "",
                    window: None,
                },
                "maintenance",
            ),
            (Gate::Disabled { reason: "" }, "disabled"),
            (Gate::EnvOnly { envs: &[] }, "env_only"),
            (Gate::AllowedIps { networks: &[] }, "allowed_ips"),
            (Gate::AllowedRoles { roles: &[] }, "allowed_roles"),
            (
                Gate::Deprecated {
                    since: None,
                    sunset: None,
                    use_instead: None,
                },
                "deprecated",
            ),
            (Gate::ForceActive, "force_active"),
        ];
        for (gate, attribute) in gates {
            assert_eq!(gate.attribute(), attribute);
        }
    }
}
