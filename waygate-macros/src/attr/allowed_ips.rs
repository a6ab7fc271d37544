use quote::quote;
use waygate_core::grammar::parse_network;

use super::attribute::{Attribute, Declared, Place};
use crate::args::{Args, Syntax};

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "allowed_ips",
        keys: &["response", "route", "crate"],
        positional: true,
    },
    alias_of: None,
    repeats: false,
    contradicts: &[],
    gate,
};

fn gate(args: &mut Args, _: Place<'_>) -> Declared {
    let example = "#[allowed_ips(\"10.0.0.0/8\", \"2001:db8::/32\")]";
    let networks = args.list("network", example, parse_network);
    Declared::of(quote!(AllowedIps { networks: &[#(#networks),*] }))
}
