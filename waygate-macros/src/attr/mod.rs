//! The attributes, one file each: what they take, and the `Gate` that they declare.

mod allowed_ips;
mod allowed_roles;
mod concurrency_limit;
mod deprecated;
mod disabled;
mod env_only;
mod force_active;
mod key;
mod maintenance;
mod rate_limit;

use std::{fmt, str::FromStr};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{ExprPath, LitStr, Path};
use waygate_core::grammar::Reason;

use crate::args::Args;

/// Which attribute it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Maintenance,
    Disabled,
    EnvOnly,
    AllowedIps,
    AllowedRoles,
    Deprecated,
    /// [`Deprecated`](Self::Deprecated) by its other name.
    Sunset,
    ForceActive,
    RateLimit,
    ConcurrencyLimit,
}

/// Where an attribute stands.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Where Waygate is found.
    pub(crate) facade: &'a Path,
    /// How many of its kind stand above it.
    pub(crate) ordinal: u32,
}

/// What an attribute declares.
pub(crate) struct Declared {
    /// A variant of `Gate` with its fields.
    pub(crate) gate: TokenStream,
    /// What `name = ".."` says.
    pub(crate) name: Option<LitStr>,
    /// The function that `key = path` names.
    pub(crate) key: Option<ExprPath>,
    /// The function that `cost = path` names.
    pub(crate) cost: Option<ExprPath>,
    /// Path parameters that the key is made of, each where it is written.
    pub(crate) parameters: Vec<(LitStr, String)>,
}

impl Declared {
    /// A gate without a name and without functions.
    fn of(gate: TokenStream) -> Self {
        Self {
            gate,
            name: None,
            key: None,
            cost: None,
            parameters: Vec::new(),
        }
    }
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Maintenance,
        Self::Disabled,
        Self::EnvOnly,
        Self::AllowedIps,
        Self::AllowedRoles,
        Self::Deprecated,
        Self::Sunset,
        Self::ForceActive,
        Self::RateLimit,
        Self::ConcurrencyLimit,
    ];

    /// The name that the attribute is exported by.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Disabled => "disabled",
            Self::EnvOnly => "env_only",
            Self::AllowedIps => "allowed_ips",
            Self::AllowedRoles => "allowed_roles",
            Self::Deprecated => "deprecated",
            Self::Sunset => "sunset",
            Self::ForceActive => "force_active",
            Self::RateLimit => "rate_limit",
            Self::ConcurrencyLimit => "concurrency_limit",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The keys of its arguments, in the order in which messages list them.
    pub(crate) const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Maintenance => &["reason", "start", "end", "response", "route", "crate"],
            Self::Disabled => &["reason", "response", "route", "crate"],
            Self::EnvOnly | Self::AllowedIps | Self::AllowedRoles => {
                &["response", "route", "crate"]
            }
            Self::Deprecated | Self::Sunset => {
                &["since", "sunset", "use_instead", "route", "crate"]
            }
            Self::ForceActive => &["route", "crate"],
            Self::RateLimit => &[
                "algorithm",
                "key",
                "on_missing_key",
                "burst",
                "cost",
                "tiers",
                "tier",
                "exempt_ips",
                "exempt_roles",
                "shadow",
                "rollout",
                "on_store_failure",
                "lease",
                "time_zone",
                "name",
                "response",
                "route",
                "crate",
            ],
            Self::ConcurrencyLimit => &[
                "key",
                "name",
                "exempt_ips",
                "exempt_roles",
                "response",
                "route",
                "crate",
            ],
        }
    }

    /// Whether it takes values without a key.
    pub(crate) const fn takes_values(self) -> bool {
        matches!(self, Self::EnvOnly | Self::AllowedIps | Self::AllowedRoles) || self.repeats()
    }

    /// Whether it may stand on one handler more than once.
    pub(crate) const fn repeats(self) -> bool {
        matches!(self, Self::RateLimit | Self::ConcurrencyLimit)
    }

    /// Whether the two are one attribute, by whichever name.
    pub(crate) fn is_same(self, other: Self) -> bool {
        let plain = |kind| match kind {
            Self::Sunset => Self::Deprecated,
            other => other,
        };
        plain(self) == plain(other)
    }

    /// What it declares, with fields from `args`.
    pub(crate) fn declared(self, args: &mut Args, place: Place<'_>) -> Declared {
        Declared::of(match self {
            Self::Maintenance => maintenance::gate(args),
            Self::Disabled => disabled::gate(args),
            Self::EnvOnly => env_only::gate(args),
            Self::AllowedIps => allowed_ips::gate(args),
            Self::AllowedRoles => allowed_roles::gate(args),
            Self::Deprecated | Self::Sunset => deprecated::gate(args),
            Self::ForceActive => force_active::gate(),
            Self::RateLimit => return rate_limit::gate(args, place),
            Self::ConcurrencyLimit => return concurrency_limit::gate(args, place),
        })
    }

    /// Why the two cannot stand on one handler, if they cannot.
    pub(crate) fn contradiction(self, other: Self) -> Option<&'static str> {
        use Kind::{AllowedIps, AllowedRoles, Disabled, EnvOnly, ForceActive, Maintenance};
        match (self, other) {
            (Maintenance, Disabled) | (Disabled, Maintenance) => {
                Some("a route is in maintenance or disabled, not both")
            }
            (ForceActive, Maintenance | Disabled | EnvOnly | AllowedIps | AllowedRoles)
            | (Maintenance | Disabled | EnvOnly | AllowedIps | AllowedRoles, ForceActive) => {
                Some("a force-active route is served whatever its gates say")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The bare name is the language's own attribute.
            Self::Deprecated => f.write_str("#[waygate::deprecated]"),
            _ => write!(f, "#[{}]", self.name()),
        }
    }
}

/// Takes `reason = ".."`, which is empty when it is not written.
fn reason(args: &mut Args, example: &str) -> LitStr {
    args.text("reason", example, Reason::from_str)
        .literal()
        .unwrap_or_else(|| LitStr::new("", Span::call_site()))
}

/// `value` as the tokens of an `Option`.
pub(crate) fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
