use quote::quote;

use super::attribute::{Attribute, Declared, Place, reason};
use crate::args::{Args, Syntax};

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "disabled",
        keys: &["reason", "response", "route", "crate"],
        positional: false,
    },
    alias_of: None,
    repeats: false,
    contradicts: &[],
    gate,
};

fn gate(args: &mut Args, _: Place<'_>) -> Declared {
    let reason = reason(args, "replaced by /v2/users");
    Declared::of(quote!(Disabled { reason: #reason }))
}
