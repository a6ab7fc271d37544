//! `key = ..`, an argument of both kinds of limits.

use std::str::FromStr;

use proc_macro2::Span;
use syn::{Expr, ExprArray, ExprLit, ExprPath, Lit, LitStr, spanned::Spanned};
use waygate_core::grammar::{Invalid, KeyPart, KeySource};

use crate::args::Args;

/// The key that requests are counted by.
#[derive(Default)]
pub(super) struct Key {
    /// The text in the declaration.
    pub(super) source: Option<LitStr>,
    /// The function that computes it.
    pub(super) function: Option<ExprPath>,
    /// Path parameters in the key, each with the literal that names it.
    pub(super) parameters: Vec<(LitStr, String)>,
}

impl Key {
    /// Takes `key = ".."`, `key = ["..", ".."]` or `key = path::to::function`.
    pub(super) fn take(args: &mut Args) -> Self {
        match args.take("key") {
            None => Self::default(),
            Some(Expr::Path(function)) => Self {
                source: Some(LitStr::new(KeySource::CUSTOM, Span::call_site())),
                function: Some(function),
                ..Self::default()
            },
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(literal),
                ..
            })) => Self::of_string(literal, args),
            Some(Expr::Array(list)) => Self::of_list(list, args),
            Some(other) => {
                args.errors.at(
                    other,
                    "`key` takes a string, a list of strings, or the path of a function: `key = \"user\"`, \
                     `key = [\"user\", \"path:tenant_id\"]`, `key = path::to::function`",
                );
                Self::default()
            }
        }
    }

    fn of_string(literal: LitStr, args: &mut Args) -> Self {
        match KeySource::from_str(&literal.value()) {
            Ok(KeySource::Parts(parts)) => Self {
                parameters: parts
                    .iter()
                    .filter_map(|part| Some((literal.clone(), parameter(part)?)))
                    .collect(),
                source: Some(literal),
                function: None,
            },
            Ok(KeySource::Custom) => {
                args.errors.at(
                    literal,
                    "`custom` needs a function: `key = path::to::function`",
                );
                Self::default()
            }
            Err(invalid) => {
                args.errors.at(literal, invalid);
                Self::default()
            }
        }
    }

    fn of_list(list: ExprArray, args: &mut Args) -> Self {
        let example = "`key = [\"user\", \"path:tenant_id\"]`";
        if list.elems.is_empty() {
            let message = format!("`key` is empty: leave it out, or write {example}");
            args.errors.at(&list, message);
        }
        let mut text = String::new();
        let mut key = Self::default();
        for element in &list.elems {
            let Expr::Lit(ExprLit {
                lit: Lit::Str(literal),
                ..
            }) = element
            else {
                let message = format!("a list of keys takes string literals: {example}");
                args.errors.at(element, message);
                continue;
            };
            match with_part(&text, &literal.value()) {
                Ok((longer, part)) => {
                    text = longer;
                    key.parameters
                        .extend(parameter(&part).map(|name| (literal.clone(), name)));
                }
                Err(invalid) => args.errors.at(literal, invalid),
            }
        }
        key.source = Some(LitStr::new(&text, list.span()));
        key
    }
}

/// Appends one part to the key `text`.
fn with_part(text: &str, part: &str) -> Result<(String, KeyPart), Invalid> {
    let parsed = KeyPart::from_str(part)?;
    let longer = match text {
        "" => part.to_owned(),
        text => format!("{text}, {part}"),
    };
    KeySource::from_str(&longer)?;
    Ok((longer, parsed))
}

fn parameter(part: &KeyPart) -> Option<String> {
    match part {
        KeyPart::Path(name) => Some(name.to_string()),
        _ => None,
    }
}
