use proc_macro2::{Ident, Span};
use quote::quote;
use syn::{
    Attribute, LitStr, Path, Result, Token,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream},
    parse_quote,
    token::Paren,
};

use crate::attr;

const NAME: &str = "__waygate_bound";

/// The record of the attributes above on the same handler.
///
/// Outer attributes expand first and see the rest as tokens. The first of ours appends the marker as the last attribute;
/// the next ones find and extend it; at the end it expands to nothing.
#[derive(Default)]
pub(crate) struct Marker {
    pub(crate) attributes: Vec<Above>,
    /// The list of `route = ..`, shared by the attributes below.
    pub(crate) routes: Vec<LitStr>,
    /// The fingerprint of the first attribute and the tokens below it, shared by the attributes below.
    pub(crate) written: Option<LitStr>,
}

/// An attribute above.
pub(crate) struct Above {
    pub(crate) attribute: &'static attr::Attribute,
    /// The value of `name = ".."`.
    pub(crate) name: Option<LitStr>,
}

impl Marker {
    /// Iterates over the attributes of one kind, from the top.
    pub(crate) fn of(&self, attribute: &attr::Attribute) -> impl Iterator<Item = &Above> {
        self.attributes
            .iter()
            .filter(|above| above.attribute.is_same(attribute))
    }

    /// Removes the marker; empty without one.
    pub(crate) fn take(attrs: &mut Vec<Attribute>) -> Self {
        let is_marker = |attr: &Attribute| {
            let last = attr.path().segments.last();
            last.is_some_and(|segment| segment.ident == NAME)
        };
        let Some(at) = attrs.iter().position(is_marker) else {
            return Self::default();
        };
        attrs.remove(at).parse_args().unwrap_or_default()
    }

    pub(crate) fn to_attribute(&self, facade: &Path) -> Attribute {
        let name = Ident::new(NAME, Span::call_site());
        let attributes = self.attributes.iter().map(|above| {
            let attribute = Ident::new(above.attribute.name(), Span::call_site());
            let name = above.name.iter().map(|name| quote!((#name)));
            quote!(#attribute #(#name)*)
        });
        let routes = self.routes.iter().map(|route| quote!(route = #route));
        let written = self
            .written
            .iter()
            .map(|written| quote!(written = #written));
        let all = attributes.chain(routes).chain(written);
        parse_quote!(#[#facade::__private::#name(#(#all),*)])
    }
}

impl Parse for Marker {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut marker = Self::default();
        while !input.is_empty() {
            let word = input.call(Ident::parse_any)?;
            if input.parse::<Option<Token![=]>>()?.is_some() {
                let literal = input.parse()?;
                match word == "written" {
                    true => marker.written = Some(literal),
                    false => marker.routes.push(literal),
                }
            } else {
                let name = name(input)?;
                let attribute = attr::by_name(&word.to_string());
                let above = attribute.map(|attribute| Above { attribute, name });
                marker.attributes.extend(above);
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(marker)
    }
}

/// Takes an optional `("..")`.
fn name(input: ParseStream<'_>) -> Result<Option<LitStr>> {
    if !input.peek(Paren) {
        return Ok(None);
    }
    let content;
    parenthesized!(content in input);
    content.parse().map(Some)
}
