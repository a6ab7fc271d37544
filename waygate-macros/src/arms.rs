//! A handler that serves requests with one of two handlers.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, FnArg, GenericArgument, Path, PathArguments, Signature, Type, parse_quote,
    parse_quote_spanned, spanned::Spanned,
};

use crate::{attr::Canary, errors::Errors, handler::Handler};

/// Rejects what the function of both handlers cannot be.
pub(crate) fn check(handler: &Handler, errors: &mut Errors) {
    let name = &handler.signature.ident;
    if let Some(first) = handler.above.attributes.first() {
        let other = first.attribute;
        let message =
            format!("write #[canary] above {other} on `{name}`: it applies to both handlers");
        errors.push(Error::new(proc_macro2::Span::call_site(), message));
    }
    let is_path = |attr: &&syn::Attribute| {
        let last = attr.path().segments.last();
        last.is_some_and(|segment| segment.ident == "path")
    };
    if let Some(path) = handler.attrs.iter().find(is_path) {
        let message = format!(
            "write `#[utoipa::path]` above #[canary] on `{name}`: it reads the parameters of the function"
        );
        errors.at(path, message);
    }
    if !handler.signature.generics.params.is_empty() {
        let message = "#[canary] cannot be put on a generic function";
        errors.at(&handler.signature.generics, message);
    }
    if handler.is_associated() {
        let message = format!("#[canary] needs a free function: `{name}` is an associated one");
        errors.at(name, message);
    }
}

/// Makes the function one that chooses between the stable handler and the annotated one, which is inside.
pub(crate) fn split(handler: &mut Handler, facade: &Path, canary: &Canary) {
    let Canary {
        flag,
        stable,
        state,
    } = canary;
    let name = handler.signature.ident.clone();
    let state: Option<Type> = match state {
        Some(path) => Some(parse_quote!(#path)),
        None => state_of(&handler.signature),
    };
    let (argument, value): (Option<FnArg>, TokenStream) = match &state {
        Some(state) => (
            Some(parse_quote! {
                #facade::__private::State(state): #facade::__private::State<#state>
            }),
            quote!(state),
        ),
        None => (None, quote!(())),
    };
    let arguments = argument.iter();
    let signature: Signature = parse_quote_spanned! {name.span()=>
        async fn #name(
            #(#arguments,)*
            request: #facade::__private::Request,
        ) -> #facade::__private::Response
    };
    let candidate = handler.replace(signature);
    let called = quote::quote_spanned! {stable.span()=>
        #facade::__private::canary(#flag, request, #value, #name, #stable)
    };
    handler.set_body(quote!(#candidate #called.await));
}

/// The type in the first `State<..>` among the parameters.
fn state_of(signature: &Signature) -> Option<Type> {
    let types = signature
        .inputs
        .iter()
        .filter_map(|argument| match argument {
            FnArg::Typed(typed) => Some(&*typed.ty),
            FnArg::Receiver(_) => None,
        });
    let mut states = types.filter_map(|of_argument| {
        let Type::Path(path) = of_argument else {
            return None;
        };
        let last = path
            .path
            .segments
            .last()
            .filter(|last| last.ident == "State")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        match arguments.args.first()? {
            GenericArgument::Type(state) => Some(state.clone()),
            _ => None,
        }
    });
    states.next()
}
