//! The identity of a handler, and how it gets onto its OpenAPI operation, whichever side `#[utoipa::path]` is on.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, LitStr, Meta, Path, ext::IdentExt};

use crate::fingerprint::fingerprint;

/// The OpenAPI extension that holds the stamp.
const STAMP: &str = "x-waygate-handler";

/// The id of the function `name`: its module path and its name.
pub(crate) fn handler_id(name: &Ident) -> TokenStream {
    quote!(::core::concat!(
        ::core::module_path!(),
        "::",
        ::core::stringify!(#name)
    ))
}

/// Identifies the function `name`: equal for all its attributes, different from that of every other function.
///
/// Functions in two `impl` blocks or two function bodies may share module and name, and those written by one macro
/// invocation may share the position too; their tokens still differ. A function that `#[axum::debug_handler]` repeats
/// is the same in all of them.
pub(crate) fn stamp(name: &Ident, written: &LitStr) -> TokenStream {
    let line = line(name);
    let column = quote_spanned!(name.span()=> ::core::column!());
    quote!(::core::concat!(
        ::core::module_path!(),
        "::",
        ::core::stringify!(#name),
        "#",
        #written,
        "@",
        #line,
        ":",
        #column
    ))
}

/// The line of the function `name`, the same for each of its attributes.
pub(crate) fn line(name: &Ident) -> TokenStream {
    quote_spanned!(name.span()=> ::core::line!())
}

/// A fingerprint of an attribute and the function below it.
pub(crate) fn written(args: &TokenStream, item: &TokenStream) -> LitStr {
    let all = quote!((#args) #item);
    LitStr::new(&format!("{:016x}", fingerprint(all)), Span::call_site())
}

/// Adds the stamp to a `#[utoipa::path(..)]` that has not expanded yet. Returns whether there is one.
pub(crate) fn stamp_attribute(attrs: &mut [Attribute], stamp: &TokenStream) -> bool {
    let mut found = false;
    for attr in attrs.iter_mut().filter(|attr| is_utoipa_path(attr)) {
        found = true;
        if let Meta::List(list) = &mut attr.meta {
            list.tokens = with_extension(list.tokens.clone(), quote!((#STAMP = json!(#stamp))));
        }
    }
    found
}

/// The items beside the handler that stamp the operation of a `#[utoipa::path(..)]` that has expanded already.
///
/// Documents are built with `__path_<fn>::operation()`, and an inherent function wins over the trait's of that name.
/// Without a `__path_<fn>`, a glob import brings a stand-in, which any item of that name shadows; rustc prints the name of
/// its module when such a handler is given to `routes!`. No `#[cfg]` is repeated here: the compiler evaluates those of an
/// item before its attribute macros run.
///
/// A `#[utoipa::path(..)]` that is still to expand (`will_document`) may fail. To keep its error the only one, the
/// stand-in then has the functions that `routes!` calls.
pub(crate) fn stamp_items(
    name: &Ident,
    facade: &Path,
    stamp: &TokenStream,
    will_document: bool,
) -> TokenStream {
    let name = name.unraw();
    let operations = format_ident!("__path_{name}", span = Span::call_site());
    let stand_in = format_ident!(
        "{name}_needs_a_utoipa_path_attribute",
        span = Span::call_site()
    );
    let called_by_routes = will_document.then(|| {
        quote! {
            #[allow(dead_code)]
            impl #stand_in::#operations {
                pub fn path() -> ::std::string::String {
                    ::std::string::String::from("/")
                }
                pub fn methods() -> ::std::vec::Vec<#facade::__private::HttpMethod> {
                    ::std::vec::Vec::new()
                }
                pub fn tags() -> [&'static str; 0] {
                    []
                }
                pub fn schemas<T>(_: &mut T) {}
            }
        }
    });
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
        #called_by_routes
        #[doc(hidden)]
        impl #operations {
            #[allow(dead_code)]
            pub fn operation() -> #facade::__private::Operation {
                let operation = <Self as #facade::__private::MaybePath>::operation_or_empty();
                #facade::__private::stamp(operation, #stamp)
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

/// Adds an extension to `arguments`: to the last `extensions(..)`, the only one that utoipa keeps.
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
