//! Declarations of attributes, in a form that a `static` can hold.
//!
//! The macros validate every text with [`crate::grammar`] before they emit one of these, so the engine can parse them
//! again with the same parsers. Times are seconds since the Unix epoch because [`Timestamp`](crate::Timestamp) has no
//! infallible const constructor.

/// One attribute on one handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gate {
    /// `#[maintenance]`: answered 503, until changed or inside a window.
    Maintenance {
        /// The reason shown to clients; may be empty.
        reason: &'static str,
        /// `(start, end)` in Unix seconds; `None` means now and until changed.
        window: Option<(i64, i64)>,
    },
    /// `#[maintenance(every = "..", for = "..")]`: answered 503 inside the windows.
    Recurring(&'static Recurring),
    /// `#[disabled]`: answered 503.
    Disabled {
        /// The reason shown to clients; may be empty.
        reason: &'static str,
    },
    /// `#[env_only]`: answered 403 in every other environment.
    EnvOnly {
        /// The names of the environments in which it is served.
        envs: &'static [&'static str],
    },
    /// `#[allowed_ips]`: answered 403 for clients outside these networks.
    AllowedIps {
        /// Networks in CIDR form.
        networks: &'static [&'static str],
    },
    /// `#[allowed_roles]`: answered 403 for callers without any of these roles.
    AllowedRoles {
        /// Role names.
        roles: &'static [&'static str],
    },
    /// `#[waygate::deprecated]`, in the prelude `#[sunset]`: served, with RFC 9745 and RFC 8594 headers.
    Deprecated {
        /// When the deprecation took or takes effect, in Unix seconds.
        since: Option<i64>,
        /// When the route will be removed, in Unix seconds.
        sunset: Option<i64>,
        /// The successor's path or URL.
        use_instead: Option<&'static str>,
    },
    /// `#[force_active]`: always served, and refuses changes.
    ForceActive,
    /// `#[flag_gate]`: answered with this status while a flag is off for the caller.
    FlagGate {
        /// 404 or 403.
        status: u16,
    },
    /// `#[canary]`: two handlers share the route.
    Canary {
        /// The handler while the flag is off, as the attribute names it.
        stable: &'static str,
    },
    /// `#[rate_limit]`: answered 429 over the limit. A handler may have several.
    RateLimit(&'static RateLimit),
    /// `#[concurrency_limit]`: answered 429 while too many requests are being served. A handler may have several.
    ConcurrencyLimit(&'static ConcurrencyLimit),
}

/// The arguments of `#[maintenance]` with recurring windows. Every text follows the grammar of the field of
/// [`RecurringFields`](crate::model::RecurringFields) of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recurring {
    /// The reason shown to clients; may be empty.
    pub reason: &'static str,
    /// `0 2 * * SUN`.
    pub every: &'static str,
    /// `02:00`.
    pub at: Option<&'static str>,
    /// `2030-01-06`.
    pub from: Option<&'static str>,
    /// `2h`.
    pub length: &'static str,
    /// `Europe/Berlin`.
    pub tz: Option<&'static str>,
    /// Local days, and local starts of windows.
    pub except: &'static [&'static str],
}

/// A flag that `flags!` declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// The key, in its grammar.
    pub key: &'static str,
    /// The name of the constant.
    pub name: &'static str,
    /// The doc comment; may be empty.
    pub description: &'static str,
    /// The team or person to ask.
    pub owner: Option<&'static str>,
    /// When the flag is to be removed, in Unix seconds.
    pub expires: Option<i64>,
    /// The module of the constant.
    pub module: &'static str,
    /// The file of the constant.
    pub file: &'static str,
    /// The line of the constant.
    pub line: u32,
}

/// The arguments of `#[rate_limit]`. Every text follows the grammar of the field of a rate limit policy of that name.
///
/// Absent arguments are `None`, empty or 0, with the defaults of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The policy's name.
    pub name: Option<&'static str>,
    /// Position among the handler's attributes of its kind, from the top, starting at 0. Distinguishes those without a
    /// name.
    pub ordinal: u32,
    /// `100/minute`.
    pub limit: &'static str,
    /// `token_bucket`.
    pub algorithm: Option<&'static str>,
    /// `user, path:tenant_id`; `custom` for `key = path::to::function`.
    pub key: Option<&'static str>,
    /// `fallback_ip`.
    pub on_missing_key: Option<&'static str>,
    /// Units beyond the limit; 0 is none.
    pub burst: u64,
    /// The cost of one request; 0 if a function returns it.
    pub cost: u32,
    /// Names of plans and their limits.
    pub tiers: &'static [(&'static str, &'static str)],
    /// The attribute of the caller that names the plan.
    pub tier: Option<&'static str>,
    /// Networks in CIDR form.
    pub exempt_ips: &'static [&'static str],
    /// Role names.
    pub exempt_roles: &'static [&'static str],
    /// Reports refusals without enforcing them.
    pub shadow: bool,
    /// `12.5`, in percent of the keys.
    pub rollout: Option<&'static str>,
    /// `local`, `open` or `closed`.
    pub on_store_failure: Option<&'static str>,
    /// Lets processes lease blocks in advance.
    pub lease: bool,
    /// `Europe/Berlin`.
    pub time_zone: Option<&'static str>,
}

/// The arguments of `#[concurrency_limit]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcurrencyLimit {
    /// The policy's name.
    pub name: Option<&'static str>,
    /// Position among the handler's attributes of its kind, from the top, starting at 0.
    pub ordinal: u32,
    /// The most concurrent requests; at least 1.
    pub limit: u32,
    /// `user, path:tenant_id`; `custom` for `key = path::to::function`; all requests together by default.
    pub key: Option<&'static str>,
    /// Networks in CIDR form.
    pub exempt_ips: &'static [&'static str],
    /// Role names.
    pub exempt_roles: &'static [&'static str],
}

impl Gate {
    /// Returns the attribute's name.
    pub const fn attribute(&self) -> &'static str {
        match self {
            Self::Maintenance { .. } | Self::Recurring(_) => "maintenance",
            Self::Disabled { .. } => "disabled",
            Self::EnvOnly { .. } => "env_only",
            Self::AllowedIps { .. } => "allowed_ips",
            Self::AllowedRoles { .. } => "allowed_roles",
            Self::Deprecated { .. } => "deprecated",
            Self::ForceActive => "force_active",
            Self::FlagGate { .. } => "flag_gate",
            Self::Canary { .. } => "canary",
            Self::RateLimit(_) => "rate_limit",
            Self::ConcurrencyLimit(_) => "concurrency_limit",
        }
    }

    /// Returns the position among the attributes of its kind on one handler.
    pub const fn ordinal(&self) -> u32 {
        match self {
            Self::RateLimit(declared) => declared.ordinal,
            Self::ConcurrencyLimit(declared) => declared.ordinal,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static THIRD: RateLimit = RateLimit {
        name: None,
        ordinal: 2,
        limit: "1/s",
        algorithm: None,
        key: None,
        on_missing_key: None,
        burst: 0,
        cost: 0,
        tiers: &[],
        tier: None,
        exempt_ips: &[],
        exempt_roles: &[],
        shadow: false,
        rollout: None,
        on_store_failure: None,
        lease: false,
        time_zone: None,
    };

    static SECOND: ConcurrencyLimit = ConcurrencyLimit {
        name: None,
        ordinal: 1,
        limit: 1,
        key: None,
        exempt_ips: &[],
        exempt_roles: &[],
    };

    static NIGHTLY: Recurring = Recurring {
        reason: "",
        every: "0 2 * * *",
        at: None,
        from: None,
        length: "1h",
        tz: None,
        except: &[],
    };

    #[test]
    fn repeated_attributes_have_ordinals() {
        assert_eq!(Gate::RateLimit(&THIRD).ordinal(), 2);
        assert_eq!(Gate::ConcurrencyLimit(&SECOND).ordinal(), 1);
        assert_eq!(Gate::ForceActive.ordinal(), 0);
    }

    #[test]
    fn every_gate_knows_its_attribute() {
        let gates = [
            (
                Gate::Maintenance {
                    reason: "",
                    window: None,
                },
                "maintenance",
            ),
            (Gate::Recurring(&NIGHTLY), "maintenance"),
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
            (Gate::FlagGate { status: 404 }, "flag_gate"),
            (Gate::Canary { stable: "v1" }, "canary"),
            (Gate::RateLimit(&THIRD), "rate_limit"),
            (Gate::ConcurrencyLimit(&SECOND), "concurrency_limit"),
        ];
        for (gate, attribute) in gates {
            assert_eq!(gate.attribute(), attribute);
        }
    }
}
