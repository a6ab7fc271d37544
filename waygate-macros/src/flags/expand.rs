use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use super::{item::Item, kind::Kind, options::Options};
use crate::{attr::option, identity};

/// Emits the constant of one flag, with its declaration.
pub(super) fn expand_flag(facade: &Path, item: Item, options: Options) -> TokenStream {
    let description = item.description();
    let Item {
        attrs,
        visibility,
        name,
        value_type,
        default,
        options: _,
    } = item;
    let Options {
        key,
        owner,
        expires,
        variations,
        kind,
    } = options;
    let parameter = kind.parameter(facade, &value_type);
    let constant = kind.constant(facade, &value_type);
    let line = identity::line(&name);
    let (owner, expires) = (option(owner), option(expires));
    let written = match kind {
        Kind::Text => quote!(&'static str),
        Kind::Scalar | Kind::Structured => quote!(#value_type),
    };
    let (stored, initial, read) = match kind {
        Kind::Scalar | Kind::Text => (quote!(#written), quote!(#default), quote!(&DEFAULT)),
        Kind::Structured => (
            quote!(::std::sync::LazyLock<#value_type>),
            quote_spanned!(default.span()=> ::std::sync::LazyLock::new(|| #default)),
            quote!(&*DEFAULT),
        ),
    };
    let is_bool = kind == Kind::Scalar && parameter.to_string() == "bool";
    let variations = match is_bool && variations.is_empty() {
        true => {
            quote!(("on", #facade::__private::json(true)), ("off", #facade::__private::json(false)))
        }
        false => {
            let all = variations.iter().map(|(name, value)| {
                quote!((#name, { let value: #written = #value; #facade::__private::json(value) }))
            });
            quote!(#(#all),*)
        }
    };
    let schema = match kind {
        Kind::Structured => quote! {{
            #[allow(unused_imports)]
            use #facade::__private::NoSchema as _;
            #facade::__private::SchemaOf::<#value_type>::NEW.schema()
        }},
        Kind::Scalar | Kind::Text => quote!(::core::option::Option::None),
    };
    quote! {
        #(#attrs)*
        #visibility const #name: #constant = {
            static DEFAULT: #stored = #initial;
            static DECLARED: #facade::__private::DeclaredFlag =
                #facade::__private::DeclaredFlag::new::<#parameter>(
                    #facade::__private::Flag {
                        key: #key,
                        name: ::core::stringify!(#name),
                        description: #description,
                        owner: #owner,
                        expires: #expires,
                        module: ::core::module_path!(),
                        file: ::core::file!(),
                        line: #line,
                    },
                    || #facade::__private::json(#read),
                    || ::std::vec![#variations],
                    || #schema,
                );
            #facade::__private::submit! { #facade::__private::LinkedFlag(&DECLARED) }
            #facade::flags::TypedFlag::new(&DECLARED, &DEFAULT)
        };
    }
}
