use quote::quote;

use super::attribute::{Attribute, Declared, Place};
use crate::args::{Args, Syntax};

const WHY: &str = "a force-active route ignores its gates";

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "force_active",
        keys: &["route", "crate"],
        positional: false,
    },
    alias_of: None,
    repeats: false,
    contradicts: &[
        ("maintenance", WHY),
        ("disabled", WHY),
        ("env_only", WHY),
        ("allowed_ips", WHY),
        ("allowed_roles", WHY),
    ],
    gate,
};

fn gate(_: &mut Args, _: Place<'_>) -> Declared {
    Declared::of(quote!(ForceActive))
}
