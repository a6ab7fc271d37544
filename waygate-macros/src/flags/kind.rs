use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Path, PathArguments, Type, spanned::Spanned};

/// The way in which the values of a type are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `bool`, an integer, `f64`.
    Scalar,
    /// `String` or `&str`.
    Text,
    /// Any other type.
    Structured,
}

const SCALARS: [&str; 12] = [
    "bool", "f64", "i8", "i16", "i32", "i64", "isize", "u8", "u16", "u32", "u64", "usize",
];

/// Types that flags cannot have, each with the one to use.
const REFUSED: [(&str, &str); 4] = [
    ("f32", "f64"),
    ("i128", "i64"),
    ("u128", "u64"),
    ("char", "String"),
];

impl Kind {
    pub(super) fn of(value_type: &Type) -> Result<Self, String> {
        let Some(name) = last_name(value_type) else {
            return Ok(Self::Structured);
        };
        let name = name.to_string();
        if let Some((_, other)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(format!("a flag cannot be of type `{name}`: use `{other}`"));
        }
        Ok(match &*name {
            "String" | "str" => Self::Text,
            name if SCALARS.contains(&name) => Self::Scalar,
            _ => Self::Structured,
        })
    }

    /// The type of the constant. All of its tokens are at the type, so that errors point there.
    pub(super) fn constant(self, facade: &Path, value_type: &Type) -> TokenStream {
        let parameter = self.parameter(facade, value_type);
        let constant = quote!(#facade::flags::TypedFlag<#parameter>);
        let at = |mut token: TokenTree| {
            token.set_span(value_type.span());
            token
        };
        match self {
            Self::Structured => constant.into_iter().map(at).collect(),
            Self::Scalar | Self::Text => constant,
        }
    }

    /// The parameter of `TypedFlag`.
    pub(super) fn parameter(self, facade: &Path, value_type: &Type) -> TokenStream {
        match self {
            Self::Scalar => quote!(#value_type),
            Self::Text => quote!(::std::string::String),
            Self::Structured => {
                quote_spanned!(value_type.span()=> #facade::flags::Structured<#value_type>)
            }
        }
    }
}

/// The name of a type without arguments, also behind a reference.
fn last_name(value_type: &Type) -> Option<&Ident> {
    match value_type {
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            matches!(last.arguments, PathArguments::None).then_some(&last.ident)
        }
        Type::Reference(reference) => last_name(&reference.elem).filter(|name| *name == "str"),
        Type::Group(group) => last_name(&group.elem),
        Type::Paren(paren) => last_name(&paren.elem),
        _ => None,
    }
}
