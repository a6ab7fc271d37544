use std::{fmt, str::FromStr};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{ExprPath, LitStr, Path};
use waygate_core::grammar::Reason;

use crate::args::{Args, Syntax};

/// One attribute: its arguments, its declaration, and the attributes it may be combined with.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) syntax: Syntax,
    /// The attribute of which this is a second name.
    pub(crate) alias_of: Option<&'static str>,
    /// Allows several on one handler.
    pub(crate) repeats: bool,
    /// Attributes that cannot be on the same handler, each with the reason. One of the two lists the other.
    pub(crate) contradicts: &'static [(&'static str, &'static str)],
    /// Takes its own arguments and builds the declaration.
    pub(crate) gate: fn(&mut Args, Place<'_>) -> Declared,
}

/// The position of an attribute.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Path of the `waygate` crate.
    pub(crate) facade: &'a Path,
    /// Number of attributes of the same kind above it.
    pub(crate) ordinal: u32,
}

/// The declaration of one attribute.
pub(crate) struct Declared {
    /// A variant of `Gate` with its fields.
    pub(crate) gate: TokenStream,
    /// The value of `name = ".."`.
    pub(crate) name: Option<LitStr>,
    /// The function in `key = path`.
    pub(crate) key: Option<ExprPath>,
    /// The function in `cost = path`.
    pub(crate) cost: Option<ExprPath>,
    /// The flag of a gate or a canary.
    pub(crate) flag: Option<ExprPath>,
    /// The other handler.
    pub(crate) canary: Option<Canary>,
    /// The function in `otherwise = path`; others are in `response = path`.
    pub(crate) response: Option<ExprPath>,
    /// Path parameters in the key, each with the literal that names it.
    pub(crate) parameters: Vec<(LitStr, String)>,
}

/// The other handler of a route.
pub(crate) struct Canary {
    pub(crate) flag: ExprPath,
    pub(crate) stable: ExprPath,
    /// The state of both handlers; `None` is that of the candidate's `State`.
    pub(crate) state: Option<Path>,
}

impl Attribute {
    pub(crate) fn name(&self) -> &'static str {
        self.syntax.name()
    }

    /// Returns whether both are the same attribute, by either of its names.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let plain = |attribute: &Self| attribute.alias_of.unwrap_or(attribute.name());
        plain(self) == plain(other)
    }

    /// Returns why the two cannot be on one handler, if they cannot.
    pub(crate) fn contradiction(&self, other: &Self) -> Option<&'static str> {
        let listed = |by: &Self, name| by.contradicts.iter().find(move |(other, _)| *other == name);
        let (_, why) = listed(self, other.name()).or_else(|| listed(other, self.name()))?;
        Some(why)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.syntax.fmt(f)
    }
}

impl Declared {
    /// A gate without a name and without functions.
    pub(crate) fn of(gate: TokenStream) -> Self {
        Self {
            gate,
            name: None,
            key: None,
            cost: None,
            flag: None,
            canary: None,
            response: None,
            parameters: Vec::new(),
        }
    }
}

/// Takes `reason = ".."`; empty by default.
pub(super) fn reason(args: &mut Args, example: &str) -> LitStr {
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
