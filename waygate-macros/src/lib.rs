#![doc = include_str!("docs/crate.md")]
#![doc = include_str!("docs/common.md")]
#![doc = include_str!("docs/rules.md")]
#![deny(missing_docs)]

mod args;
mod arms;
mod attr;
mod errors;
mod expand;
mod fingerprint;
mod flag_context;
mod flags;
mod handler;
mod identity;
mod marker;

use proc_macro::TokenStream;

use crate::{attr::Attribute, expand::Binding};

/// Handlers without `route` are bound through the OpenAPI document if there is one.
const BINDING: Binding = if cfg!(feature = "openapi") {
    Binding::Document
} else {
    Binding::Named
};

fn expand(attribute: &'static Attribute, args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(attribute, BINDING, args.into(), item.into()).into()
}

#[doc = include_str!("docs/maintenance.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn maintenance(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::maintenance::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/disabled.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn disabled(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::disabled::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/env_only.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn env_only(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::env_only::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/allowed_ips.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn allowed_ips(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::allowed_ips::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/allowed_roles.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn allowed_roles(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::allowed_roles::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/force_active.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn force_active(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::force_active::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/flag_gate.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn flag_gate(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::flag_gate::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/canary.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn canary(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::canary::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/deprecated.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn deprecated(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::deprecated::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/deprecated.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn sunset(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::deprecated::SUNSET, args, item)
}

#[doc = include_str!("docs/rate_limit.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn rate_limit(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::rate_limit::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/concurrency_limit.md")]
#[doc = include_str!("docs/common.md")]
#[proc_macro_attribute]
pub fn concurrency_limit(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(&attr::concurrency_limit::ATTRIBUTE, args, item)
}

#[doc = include_str!("docs/flags.md")]
#[proc_macro]
pub fn flags(flags: TokenStream) -> TokenStream {
    flags::expand(flags.into()).into()
}

#[doc = include_str!("docs/flag_context.md")]
#[proc_macro_derive(FlagContext, attributes(flag))]
pub fn flag_context(item: TokenStream) -> TokenStream {
    flag_context::expand(item.into()).into()
}

/// Records the attributes above it; expands to nothing.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn __waygate_bound(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}
