use std::str::FromStr;

use quote::quote;
use waygate_core::grammar::{PolicyName, RoleName, parse_network};

use super::{
    attribute::{Attribute, Declared, Place, option},
    key::Key,
};
use crate::args::{Args, Syntax};

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "concurrency_limit",
        keys: &[
            "key",
            "name",
            "exempt_ips",
            "exempt_roles",
            "response",
            "route",
            "crate",
        ],
        positional: true,
    },
    alias_of: None,
    repeats: true,
    contradicts: &[],
    gate,
};

fn gate(args: &mut Args, place: Place<'_>) -> Declared {
    let example = "`#[concurrency_limit(10)]`";
    let missing = format!("needs a limit: {example}");
    let several = "#[concurrency_limit] takes one limit; for another key, write a second attribute";
    let limit = args.single(&missing, several).and_then(|value| {
        args.positive(value, || {
            format!("#[concurrency_limit] takes a whole number: {example}")
        })
    });
    let key = Key::take(args);
    let name = args
        .text("name", "per-user", PolicyName::from_str)
        .literal();
    let exempt_ips = args.strings("exempt_ips", "network", "10.0.0.0/8", parse_network);
    let exempt_roles = args.strings("exempt_roles", "role", "admin", RoleName::from_str);

    let Place { facade, ordinal } = place;
    let (source, policy_name) = (option(key.source), option(name.as_ref()));
    Declared {
        gate: quote! {
            ConcurrencyLimit(&#facade::__private::ConcurrencyLimit {
                name: #policy_name,
                ordinal: #ordinal,
                limit: #limit,
                key: #source,
                exempt_ips: &[#(#exempt_ips),*],
                exempt_roles: &[#(#exempt_roles),*],
            })
        },
        name,
        key: key.function,
        cost: None,
        flag: None,
        canary: None,
        response: None,
        parameters: key.parameters,
    }
}
