//! How a handler's OpenAPI operation comes to carry the handler id, whichever side `#[utoipa::path]` is on.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::{Attribute, Meta, Path, ext::IdentExt};

/// The extension that the engine reads the handler id from.
const STAMP: &str = "x-waygate-handler";

/// The id of the function `name`: its module path and its name.
pub(crate) fn handler_id(name: &Ident) -> TokenStream {
    quote!(::core::concat!(
        ::core::module_path!(),
        "::",
        ::core::stringify!(#name)
    ))
}

/// Stamps the id on the operation of a `#[utoipa::path(..)]` that has not expanded yet.
pub(crate) fn stamp_attribute(attrs: &mut [Attribute], id: &TokenStream) {
    for attr in attrs.iter_mut().filter(|attr| is_utoipa_path(attr)) {
        if let Meta::List(list) = &mut attr.meta {
            list.tokens = with_extension(list.tokens.clone(), quote!((#STAMP = json!(#id))));
        }
    }
}

/// The items beside the handler that stamp the operation of a `#[utoipa::path(..)]` that has expanded already.
///
/// Documents are built with `__path_<fn>::operation()`, and an inherent function wins over the trait's of that name.
/// Where there is no `__path_<fn>`, a stand-in comes through a glob import, which any item of that name shadows; the
/// module's name is what rustc prints when such a handler is given to `routes!`. No `#[cfg]` need be repeated here: the
/// compiler settles those of an item before its attribute macros run.
pub(crate) fn stamp_items(name: &Ident, facade: &Path, id: &TokenStream) -> TokenStream {
    let name = name.unraw();
    let operations = format_ident!("__path_{name}", span = Span::call_site());
    let stand_in = format_ident!(
        "{name}_needs_a_utoipa_path_attribute",
        span = Span::call_site()
    );
    quote! {
        #[doc(hidden)]
        #[allow(non_snake_case)]
        mod #stand_in {
            #[allow(non_camel_case_types)]
            pub struct #operations;
        }
        #[allow(unused_imports)]
        use #stand_in::*;
        impl #facade::__private::MaybePath for #stand_in::#operations {}
        #[doc(hidden)]
        impl #operations {
            #[allow(dead_code)]
            pub fn operation() -> #facade::__private::Operation {
                let operation = <Self as #facade::__private::MaybePath>::operation_or_empty();
                #facade::__private::stamp(operation, #id)
            }
        }
    }
}

fn is_utoipa_path(attr: &Attribute) -> bool {
    let mut segments = attr.path().segments.iter().rev();
    segments.next().is_some_and(|last| last.ident == "path")
        && segments
            .next()
            .is_none_or(|before| before.ident == "utoipa")
}

/// `arguments` with one more extension. utoipa keeps the last `extensions(..)` only, so that one takes it in.
fn with_extension(arguments: TokenStream, extension: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = arguments.into_iter().collect();
    let is_extensions = |pair: &[TokenTree]| match pair {
        [TokenTree::Ident(word), TokenTree::Group(group)] => {
            word == "extensions" && group.delimiter() == Delimiter::Parenthesis
        }
        _ => false,
    };
    let existing = tokens.windows(2).rposition(is_extensions);
    match existing.and_then(|at| tokens.get_mut(at + 1)) {
        Some(TokenTree::Group(group)) => {
            let inner = group.stream();
            let span = group.span();
            *group = Group::new(Delimiter::Parenthesis, quote!(#extension, #inner));
            group.set_span(span);
        }
        _ => {
            let ends_open = tokens.last().is_some_and(|last| last.to_string() != ",");
            let comma = ends_open.then(|| quote!(,));
            tokens.extend(quote!(#comma extensions(#extension)));
        }
    }
    tokens.into_iter().collect()
}
