use quote::{ToTokens, quote};
use syn::Expr;

use super::attribute::{Attribute, Canary, Declared, Place};
use crate::args::{Args, Syntax};

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "canary",
        keys: &["flag", "stable", "state", "route", "crate"],
        positional: false,
    },
    alias_of: None,
    repeats: false,
    contradicts: &[],
    gate,
};

const EXAMPLE: &str = "`#[canary(flag = NEW_SEARCH, stable = search_v1)]`";

fn gate(args: &mut Args, _: Place<'_>) -> Declared {
    let mut needed = |key: &str, what: &str, example: &str| {
        let value = args.take(key);
        match value {
            Some(Expr::Path(path)) => Some(path),
            Some(other) => {
                let message = format!("`{key}` takes a path: `{key} = {example}`");
                args.errors.at(other, message);
                None
            }
            None => {
                let message = format!("#[canary] needs {what}: {EXAMPLE}");
                args.errors
                    .push(syn::Error::new(proc_macro2::Span::call_site(), message));
                None
            }
        }
    };
    let flag = needed("flag", "the flag, a constant of `flags!`", "NEW_SEARCH");
    let stable = needed("stable", "the other handler", "search_v1");
    let state = args.module("state", "AppState");
    let (Some(flag), Some(stable)) = (flag, stable) else {
        return Declared::of(quote!(Canary { stable: "" }));
    };
    let name = stable.to_token_stream().to_string().replace(' ', "");
    Declared {
        flag: Some(flag.clone()),
        canary: Some(Canary {
            flag,
            stable,
            state,
        }),
        ..Declared::of(quote!(Canary { stable: #name }))
    }
}
