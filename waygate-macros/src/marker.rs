use proc_macro2::{Ident, Span};
use quote::quote;
use syn::{
    Attribute, LitStr, Path, Result, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    parse_quote,
};

use crate::attr::Kind;

const NAME: &str = "__waygate_bound";

/// What the attributes above have done to this handler.
///
/// Outer attributes expand first and see the rest as tokens. The first of ours appends the marker as the last attribute,
/// the next ones find it there and extend it, and after all of them it expands to nothing.
#[derive(Default)]
pub(crate) struct Marker {
    pub(crate) kinds: Vec<Kind>,
    /// What `route = ".."` says; the attributes below share it.
    pub(crate) route: Option<LitStr>,
}

impl Marker {
    /// Takes the marker off; without one it is empty.
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
        let kinds = self
            .kinds
            .iter()
            .map(|kind| Ident::new(kind.name(), Span::call_site()));
        let route = self.route.iter().map(|route| quote!(route = #route));
        parse_quote!(#[#facade::__private::#name(#(#kinds,)* #(#route)*)])
    }
}

impl Parse for Marker {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut marker = Self::default();
        while !input.is_empty() {
            let word = input.call(Ident::parse_any)?;
            if input.parse::<Option<Token![=]>>()?.is_some() {
                marker.route = Some(input.parse()?);
            } else {
                marker.kinds.extend(Kind::from_name(&word.to_string()));
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(marker)
    }
}
