#![doc = include_str!("docs/crate.md")]
#![doc = include_str!("docs/common.md")]
#![doc = include_str!("docs/rules.md")]
#![deny(missing_docs)]

mod args;
mod attr;
mod errors;
mod expand;
mod fingerprint;
mod handler;
mod identity;
mod marker;

use proc_macro::TokenStream;

use crate::{attr::Kind, expand::Binding};

/// Handlers without `route` are bound through the OpenAPI document where there is one.
const BINDING: Binding = if cfg!(feature = "openapi") {
    Binding::Document
} else {
    Binding::Named
};

fn expand(kind: Kind, args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(kind, BINDING, args.into(), item.into()).into()
}

#[doc = include_str!("docs/maintenance.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn maintenance(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Maintenance, args, item)
}

#[doc = include_str!("docs/disabled.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn disabled(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Disabled, args, item)
}

#[doc = include_str!("docs/env_only.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn env_only(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::EnvOnly, args, item)
}

#[doc = include_str!("docs/allowed_ips.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn allowed_ips(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::AllowedIps, args, item)
}

#[doc = include_str!("docs/allowed_roles.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn allowed_roles(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::AllowedRoles, args, item)
}

#[doc = include_str!("docs/force_active.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn force_active(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::ForceActive, args, item)
}

#[doc = include_str!("docs/deprecated.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn deprecated(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Deprecated, args, item)
}

#[doc = include_str!("docs/deprecated.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn sunset(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Sunset, args, item)
}

#[doc = include_str!("docs/rate_limit.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn rate_limit(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::RateLimit, args, item)
}

#[doc = include_str!("docs/concurrency_limit.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn concurrency_limit(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::ConcurrencyLimit, args, item)
}

/// Stands for what the attributes above it have done; expands to nothing.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn __waygate_bound(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}
