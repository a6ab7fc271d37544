use proc_macro2::Ident;
use quote::ToTokens;
use syn::{
    Expr, LitStr, Result, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};
use waygate_core::grammar::{check_flag_key, check_label, parse_expiry};

use super::{item::Item, kind::Kind};
use crate::{
    args::{Args, Given, Syntax, string},
    errors::Errors,
};

static SYNTAX: Syntax = Syntax {
    path: "flags!",
    keys: &["key", "owner", "expires", "variations"],
    positional: false,
};

/// The options of a flag after their checks.
pub(super) struct Options {
    pub(super) key: LitStr,
    pub(super) owner: Option<LitStr>,
    /// In Unix seconds.
    pub(super) expires: Option<i64>,
    pub(super) variations: Vec<(LitStr, Expr)>,
    pub(super) kind: Kind,
}

impl Options {
    pub(super) fn take(item: &Item, errors: &mut Errors) -> Self {
        let mut args = Args::parse(&SYNTAX, item.options.clone());
        let grammar = |text: &str| check_flag_key("flag key", text);
        let key = match args.text("key", "new-checkout", grammar) {
            Given::Right(literal, ()) => literal,
            Given::Not => own_key(&item.name, &mut args.errors),
            // Unique, so that no other flag seems to have it.
            Given::Wrong => LitStr::new(&format!("-{}", item.name), item.name.span()),
        };
        let owner = args.text("owner", "payments", |text| check_label("owner", text));
        let owner = owner.literal();
        let expires = match args.text("expires", "2027-03-01", parse_expiry) {
            Given::Right(_, instant) => Some(instant.as_second()),
            Given::Not | Given::Wrong => None,
        };
        let variations = match args.take("variations") {
            Some(value) => variations(value, &item.default, &mut args.errors),
            None => Vec::new(),
        };
        let kind = Kind::of(&item.value_type).unwrap_or_else(|message| {
            args.errors.at(&item.value_type, message);
            Kind::Structured
        });
        errors.append(args.errors);
        Self {
            key,
            owner,
            expires,
            variations,
            kind,
        }
    }
}

/// The key of a flag that names none: `NEW_CHECKOUT` is `new-checkout`.
fn own_key(name: &Ident, errors: &mut Errors) -> LitStr {
    let key = name.unraw().to_string().to_lowercase().replace('_', "-");
    if let Err(invalid) = check_flag_key("flag key", &key) {
        errors.at(name, format!("{invalid}, or name it: `key = \"..\"`"));
    }
    LitStr::new(&key, name.span())
}

/// Reads `{ name = value, "other name" = value }`.
fn variations(value: Expr, default: &Expr, errors: &mut Errors) -> Vec<(LitStr, Expr)> {
    let example = "`variations = { small = 10, large = 50 }`";
    let Expr::Verbatim(braces) = &value else {
        errors.at(
            value,
            format!("`variations` takes names and values: {example}"),
        );
        return Vec::new();
    };
    let parser = |input: ParseStream<'_>| {
        let content;
        syn::braced!(content in input);
        content.parse_terminated(variation, Token![,])
    };
    let all = match parser.parse2(braces.to_token_stream()) {
        Ok(all) => all,
        Err(error) => {
            errors.push(syn::Error::new(error.span(), format!("{error}: {example}")));
            return Vec::new();
        }
    };
    if all.is_empty() {
        errors.at(&value, format!("`variations` has no variation: {example}"));
    }
    let mut names = Vec::new();
    for (name, _) in &all {
        match check_label("variation", &name.value()) {
            Err(invalid) => errors.at(name, invalid),
            Ok(()) if names.contains(&name.value()) => {
                let message = format!("the variation `{}` is listed twice", name.value());
                errors.at(name, message);
            }
            Ok(()) => names.push(name.value()),
        }
    }
    check_default(all.iter().map(|(_, value)| value), default, errors);
    all.into_iter().collect()
}

/// Rejects a default that is none of the variations, as far as both are literals.
fn check_default<'a>(values: impl Iterator<Item = &'a Expr>, default: &Expr, errors: &mut Errors) {
    let Some(literal) = literal(default) else {
        return;
    };
    let values: Option<Vec<String>> = values.map(self::literal).collect();
    if let Some(values) = values.filter(|values| !values.is_empty() && !values.contains(&literal)) {
        let values = values.join("`, `");
        let message = format!("the default `{literal}` is none of the variations: `{values}`");
        errors.at(default, message);
    }
}

fn literal(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(literal) => match string(value) {
            Some(text) => Some(format!("{:?}", text.value())),
            None => Some(literal.to_token_stream().to_string()),
        },
        Expr::Unary(negative) => {
            let inner = literal(&negative.expr)?;
            Some(format!("{}{inner}", negative.op.to_token_stream()))
        }
        _ => None,
    }
}

fn variation(input: ParseStream<'_>) -> Result<(LitStr, Expr)> {
    let name = match input.peek(LitStr) {
        true => input.parse()?,
        false => {
            let name = input.call(Ident::parse_any)?;
            LitStr::new(&name.unraw().to_string(), name.span())
        }
    };
    input.parse::<Token![=]>()?;
    Ok((name, input.parse()?))
}
