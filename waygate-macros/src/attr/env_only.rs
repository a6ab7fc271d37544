use std::str::FromStr;

use quote::quote;
use waygate_core::grammar::EnvName;

use super::attribute::{Attribute, Declared, Place};
use crate::args::{Args, Syntax};

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "env_only",
        keys: &["response", "route", "crate"],
        positional: true,
    },
    alias_of: None,
    repeats: false,
    contradicts: &[],
    gate,
};

fn gate(args: &mut Args, _: Place<'_>) -> Declared {
    let example = "#[env_only(\"dev\", \"staging\")]";
    let envs = args.list("environment", example, EnvName::from_str);
    Declared::of(quote!(EnvOnly { envs: &[#(#envs),*] }))
}
