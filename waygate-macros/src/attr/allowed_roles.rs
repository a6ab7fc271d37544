use std::str::FromStr;

use quote::quote;
use waygate_core::grammar::RoleName;

use super::attribute::{Attribute, Declared, Place};
use crate::args::{Args, Syntax};

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "allowed_roles",
        keys: &["response", "route", "crate"],
        positional: true,
    },
    alias_of: None,
    repeats: false,
    contradicts: &[],
    gate,
};

fn gate(args: &mut Args, _: Place<'_>) -> Declared {
    let example = "#[allowed_roles(\"admin\", \"billing:ops\")]";
    let roles = args.list("role", example, RoleName::from_str);
    Declared::of(quote!(AllowedRoles { roles: &[#(#roles),*] }))
}
