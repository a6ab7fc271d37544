use quote::quote;
use syn::{Expr, ExprLit, ExprPath, Lit};

use super::attribute::{Attribute, Declared, Place};
use crate::args::{Args, Syntax};

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    syntax: Syntax {
        path: "flag_gate",
        keys: &["otherwise", "route", "crate"],
        positional: true,
    },
    alias_of: None,
    repeats: false,
    contradicts: &[("force_active", "a force-active route is always served")],
    gate,
};

const EXAMPLE: &str = "`#[flag_gate(NEW_CHECKOUT)]`";

fn gate(args: &mut Args, _: Place<'_>) -> Declared {
    let missing = format!("needs the flag, a constant of `flags!`: {EXAMPLE}");
    let several = "#[flag_gate] takes one flag; a flag that needs others has them as prerequisites";
    let flag = args
        .single(&missing, several)
        .and_then(|value| match value {
            Expr::Path(path) => Some(path),
            other => {
                let message =
                    format!("#[flag_gate] takes the constant of a flag, by its path: {EXAMPLE}");
                args.errors.at(other, message);
                None
            }
        });
    let (status, response) = otherwise(args);
    Declared {
        flag,
        response,
        ..Declared::of(quote!(FlagGate { status: #status }))
    }
}

/// Takes `otherwise = 404`, `403` or a function.
fn otherwise(args: &mut Args) -> (u16, Option<ExprPath>) {
    const NOT_FOUND: u16 = 404;
    const FORBIDDEN: u16 = 403;
    let value = match args.take("otherwise") {
        None => return (NOT_FOUND, None),
        Some(Expr::Path(function)) => return (NOT_FOUND, Some(function)),
        Some(value) => value,
    };
    if let Expr::Lit(ExprLit {
        lit: Lit::Int(status),
        ..
    }) = &value
    {
        match status.base10_parse::<u16>() {
            Ok(status @ (NOT_FOUND | FORBIDDEN)) => return (status, None),
            _ => {
                let message = format!(
                    "`otherwise = {status}` is not possible: use 404, 403, or a function for any other response: \
                     `otherwise = path::to::function`"
                );
                args.errors.at(value, message);
                return (NOT_FOUND, None);
            }
        }
    }
    let message =
        "`otherwise` takes 404, 403 or the path of a function: `otherwise = path::to::function`";
    args.errors.at(value, message);
    (NOT_FOUND, None)
}
