//! `flags!`: flags with a Rust type.

mod expand;
mod item;
mod kind;
mod options;

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Path, Token,
    parse::{ParseStream, Parser},
    parse_quote,
};

use crate::errors::Errors;
use expand::expand_flag;
use item::Item;
use options::Options;

/// Expands all flags. With mistakes, emits the errors and the constants, so that uses of them are no further mistakes.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let parser = |input: ParseStream<'_>| {
        let facade = facade(input)?;
        let mut items = Vec::new();
        while !input.is_empty() {
            match Item::parse(input) {
                Ok(item) => items.push(item),
                Err(error) => {
                    // Its end is unknown, so the rest is skipped.
                    errors.push(error);
                    input.parse::<TokenStream>()?;
                }
            }
        }
        Ok((facade, items))
    };
    let (facade, items) = match parser.parse2(tokens) {
        Ok(parsed) => parsed,
        Err(error) => return error.into_compile_error(),
    };
    let mut keys: HashMap<String, String> = HashMap::new();
    let mut flags = TokenStream::new();
    for item in items {
        let options = Options::take(&item, &mut errors);
        let name = item.name.to_string();
        if let Some(other) = keys.insert(options.key.value(), name) {
            let key = options.key.value();
            let message = format!(
                "the key `{key}` is that of `{other}` too: give each flag a key of its own"
            );
            errors.at(&options.key, message);
        }
        flags.extend(expand_flag(&facade, item, options));
    }
    let errors = errors.into_compile_errors();
    quote!(#errors #flags)
}

/// Takes `crate = path;` at the start.
fn facade(input: ParseStream<'_>) -> syn::Result<Path> {
    if !input.peek(Token![crate]) {
        return Ok(parse_quote!(::waygate));
    }
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    let path = input.call(Path::parse_mod_style)?;
    input.parse::<Token![;]>()?;
    Ok(path)
}

#[cfg(test)]
mod tests;
