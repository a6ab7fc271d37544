use std::{collections::BTreeSet, str::FromStr};

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, ExprPath, LitStr, Path, parse_quote, spanned::Spanned};
use waygate_core::grammar::{PolicyName, RouteSpec};

use crate::{
    args::{Args, Given},
    arms,
    attr::{self, Attribute, Declared, Place},
    errors::Errors,
    handler::Handler,
    identity,
    marker::Above,
};

/// The binding of a handler without `route`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Through its operation in the OpenAPI document.
    Document,
    /// Not at all, so `route` is required.
    Named,
}

/// One attribute, parsed and checked.
struct Parsed {
    attribute: &'static Attribute,
    declared: Declared,
    response: Option<ExprPath>,
    routes: Given<Vec<RouteSpec>, Vec<LitStr>>,
    facade: Path,
}

/// Expands one attribute. With mistakes, emits the errors and the unchanged function.
pub(crate) fn expand(
    attribute: &'static Attribute,
    binding: Binding,
    args: TokenStream,
    item: TokenStream,
) -> TokenStream {
    let written = identity::written(&args, &item);
    let handler = Handler::parse(attribute, item.clone());
    let above = handler.as_ref().ok().map(|handler| &handler.above);
    let ordinal = above.map_or(0, |above| above.of(attribute).count());
    let (parsed, mut errors) = Parsed::parse(attribute, ordinal as u32, args);
    let handler = errors.note(handler);
    if let Some(handler) = &handler {
        check_siblings(attribute, handler, &mut errors);
        check_name(&parsed, handler, &mut errors);
        check_parameters(&parsed, handler, &mut errors);
        check_route(&parsed, binding, handler, &mut errors);
        if attribute.is_same(&attr::canary::ATTRIBUTE) {
            arms::check(handler, &mut errors);
        }
    }
    match handler {
        Some(handler) if errors.is_empty() => emit(parsed, binding, handler, written),
        _ => {
            let errors = errors.into_compile_errors();
            quote!(#errors #item)
        }
    }
}

impl Parsed {
    fn parse(attribute: &'static Attribute, ordinal: u32, args: TokenStream) -> (Self, Errors) {
        let mut args = Args::parse(&attribute.syntax, args);
        let facade = args
            .module("crate", "my_facade::waygate")
            .unwrap_or_else(|| parse_quote!(::waygate));
        let place = Place {
            facade: &facade,
            ordinal,
        };
        let parsed = Self {
            attribute,
            declared: (attribute.gate)(&mut args, place),
            response: args.item("response", "path::to::function"),
            routes: args.one_or_more("route", "GET /users/{id}", RouteSpec::from_str),
            facade,
        };
        (parsed, args.errors)
    }
}

fn check_siblings(attribute: &Attribute, handler: &Handler, errors: &mut Errors) {
    let name = &handler.signature.ident;
    let mut at_attribute = |message| errors.push(Error::new(Span::call_site(), message));
    for other in handler.above.attributes.iter().map(|above| above.attribute) {
        if attribute.is_same(other) && !attribute.repeats {
            at_attribute(format!("{attribute} is given twice on `{name}`"));
        } else if let Some(why) = attribute.contradiction(other) {
            at_attribute(format!(
                "{attribute} contradicts {other} on `{name}`: {why}; keep one of them"
            ));
        }
    }
}

/// Rejects a second policy of the same name, given or by ordinal.
fn check_name(parsed: &Parsed, handler: &Handler, errors: &mut Errors) {
    let attribute = parsed.attribute;
    if !attribute.repeats {
        return;
    }
    let mut taken: Vec<String> = Vec::new();
    for above in handler.above.of(attribute) {
        taken.push(called(above.name.as_ref(), taken.len()));
    }
    let name = called(parsed.declared.name.as_ref(), taken.len());
    if !taken.contains(&name) {
        return;
    }
    let function = &handler.signature.ident;
    match &parsed.declared.name {
        Some(literal) => errors.at(
            literal,
            format!("there is a {attribute} of the name `{name}` above on `{function}`: choose another"),
        ),
        None => errors.push(Error::new(
            Span::call_site(),
            format!(
                "{attribute} without a name is called `{name}` here, as one above is on `{function}`: name it, \
                 `name = \"..\"`"
            ),
        )),
    }
}

/// Returns the name of a policy: the given one, or that of its ordinal.
fn called(name: Option<&LitStr>, ordinal: usize) -> String {
    match name {
        Some(name) => name.value(),
        None => PolicyName::by_ordinal(ordinal as u32).to_string(),
    }
}

/// Rejects path parameters in a key that a written route lacks.
fn check_parameters(parsed: &Parsed, handler: &Handler, errors: &mut Errors) {
    let above = handler.above.routes.iter();
    let routes: Vec<RouteSpec> = match &parsed.routes {
        Given::Right(_, routes) => routes.clone(),
        Given::Not => above.filter_map(|text| text.value().parse().ok()).collect(),
        Given::Wrong => return,
    };
    for route in &routes {
        let known: Vec<&str> = route.path().parameters().collect();
        for (literal, name) in &parsed.declared.parameters {
            if !known.contains(&name.as_str()) {
                let has = match &*known {
                    [] => "none".to_owned(),
                    known => format!("`{}`", known.join("`, `")),
                };
                let message = format!("`{route}` has no parameter `{name}`: it has {has}");
                errors.at(literal, message);
            }
        }
    }
}

fn check_route(parsed: &Parsed, binding: Binding, handler: &Handler, errors: &mut Errors) {
    let attribute = parsed.attribute;
    let name = &handler.signature.ident;
    let above = &handler.above;
    match (
        &parsed.routes,
        above.attributes.first().map(|above| above.attribute),
    ) {
        (Given::Right(literals, _), Some(first)) => {
            let (bound, routes) = (values(&above.routes), values(literals));
            let message = if bound.is_empty() {
                format!(
                    "write `route` on {first}, the first attribute of `{name}`: it applies to all"
                )
            } else if bound != routes {
                let bound = bound.into_iter().collect::<Vec<_>>().join("`, `");
                format!(
                    "`{name}` is bound to `{bound}` by {first} above: all attributes of a handler share its routes"
                )
            } else {
                return;
            };
            errors.at(quote!(#(#literals)*), message);
        }
        (Given::Not, None) => {
            let why = if handler.is_associated() {
                format!("`{name}` is an associated function")
            } else if binding == Binding::Named {
                "the feature `openapi` of Waygate is off".to_owned()
            } else {
                return;
            };
            let message = format!("{attribute} needs `route = \"METHOD /full/path\"` here: {why}");
            errors.push(Error::new(Span::call_site(), message));
        }
        (Given::Wrong, _) | (Given::Not, Some(_)) | (Given::Right(..), None) => {}
    }
}

/// Sorts the values of the literals.
fn values(literals: &[LitStr]) -> BTreeSet<String> {
    literals.iter().map(LitStr::value).collect()
}

/// `written` is the fingerprint of this attribute, used if it is the first one.
fn emit(parsed: Parsed, binding: Binding, mut handler: Handler, written: LitStr) -> TokenStream {
    let facade = &parsed.facade;
    let written = handler.above.written.get_or_insert(written);
    let stamp = identity::stamp(&handler.signature.ident, written);
    let first = handler.above.attributes.is_empty();
    handler.above.attributes.push(Above {
        attribute: parsed.attribute,
        name: parsed.declared.name.clone(),
    });
    if let (true, Given::Right(routes, _)) = (first, &parsed.routes) {
        handler.above.routes = routes.clone();
    }
    let by_document = first && handler.above.routes.is_empty() && binding == Binding::Document;
    let beside = by_document.then(|| {
        let will_document = identity::stamp_attribute(&mut handler.attrs, &stamp);
        identity::stamp_items(&handler.signature.ident, facade, &stamp, will_document)
    });
    let registration = registration(&parsed, &handler, &stamp);
    if let Some(other) = &parsed.declared.canary {
        arms::split(&mut handler, facade, other);
    }
    if first {
        handler.enter(facade, quote!(#facade::__private::entered(&#stamp)));
    }
    let function = handler.into_tokens(facade, registration);
    quote!(#beside #function)
}

/// Emits the statement that registers the declaration at link time, even if the function is never called.
fn registration(parsed: &Parsed, handler: &Handler, stamp: &TokenStream) -> TokenStream {
    let Parsed {
        declared:
            Declared {
                gate,
                key,
                cost,
                flag,
                response: otherwise,
                ..
            },
        facade,
        ..
    } = parsed;
    let routes = &handler.above.routes;
    let id = identity::handler_id(&handler.signature.ident);
    let line = identity::line(&handler.signature.ident);
    let flag = flag.as_ref().map(|path| {
        // Spanned, so that an error about the type of the flag points at its path.
        quote_spanned!(path.span()=> .with_flag(#path))
    });
    let response = parsed.response.as_ref().or(otherwise.as_ref()).map(|path| {
        // Spanned, so that an error about the function points at its path.
        let erased = quote_spanned!(path.span()=> #facade::__private::responder(#path));
        quote!(.with_response(|| #erased))
    });
    let key = key.as_ref().map(|path| {
        let erased = quote_spanned!(path.span()=> #facade::__private::key_function(#path));
        quote!(.with_key(|| #erased))
    });
    let cost = cost.as_ref().map(|path| {
        let erased = quote_spanned!(path.span()=> #facade::__private::cost_function(#path));
        quote!(.with_cost(|| #erased))
    });
    quote! {
        const _: () = {
            #facade::__private::submit! {
                #facade::__private::Declaration::new(
                    #id,
                    &#stamp,
                    #facade::__private::Gate::#gate,
                    &[#(#routes),*],
                    ::core::file!(),
                    #line,
                )
                #flag
                #response
                #key
                #cost
            }
        };
    }
}

#[cfg(test)]
mod tests;
