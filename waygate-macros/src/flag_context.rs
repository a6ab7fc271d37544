//! `#[derive(FlagContext)]`: a type of callers as the context of flags.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Path, Token, ext::IdentExt,
    parse_quote, spanned::Spanned,
};

use crate::errors::Errors;

const KEYS: &str = "expected `key`, `attribute`, `attribute = \"..\"` or `kind = \"..\"`";

/// The kind of contexts that name none.
const USER: &str = "user";

/// Expands the derive. With mistakes, emits only the errors.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(input) = errors.note(syn::parse2::<DeriveInput>(item)) else {
        return errors.into_compile_errors();
    };
    let Some(read) = Read::of(&input, &mut errors).filter(|_| errors.is_empty()) else {
        return errors.into_compile_errors();
    };
    read.implement(&input)
}

/// The contexts of a type.
struct Read<'a> {
    facade: Path,
    /// The primary kind.
    kind: LitStr,
    keys: Vec<(LitStr, &'a Field)>,
    attributes: Vec<Attribute<'a>>,
}

struct Attribute<'a> {
    kind: LitStr,
    name: LitStr,
    field: &'a Field,
}

/// The arguments of one `#[flag(..)]`.
#[derive(Default)]
struct Arguments {
    key: bool,
    /// The name is that of the field if none is given.
    attribute: Option<Option<LitStr>>,
    kind: Option<LitStr>,
    facade: Option<Path>,
}

impl<'a> Read<'a> {
    fn of(input: &'a DeriveInput, errors: &mut Errors) -> Option<Self> {
        let fields = match &input.data {
            Data::Struct(data) => match &data.fields {
                Fields::Named(fields) => &fields.named,
                _ => {
                    errors.at(&input.ident, "FlagContext needs a struct with named fields");
                    return None;
                }
            },
            _ => {
                errors.at(&input.ident, "FlagContext needs a struct with named fields");
                return None;
            }
        };
        let own = Arguments::of(&input.attrs, errors);
        if own.key || own.attribute.is_some() {
            errors.at(
                &input.ident,
                "`key` and `attribute` are put on fields: `#[flag(key)]`",
            );
        }
        let user = || LitStr::new(USER, input.ident.span());
        let mut read = Self {
            facade: own.facade.unwrap_or_else(|| parse_quote!(::waygate)),
            kind: own.kind.unwrap_or_else(user),
            keys: Vec::new(),
            attributes: Vec::new(),
        };
        for field in fields {
            read.add(field, errors);
        }
        read.check(input, errors);
        Some(read)
    }

    fn add(&mut self, field: &'a Field, errors: &mut Errors) {
        let (Some(name), true) = (&field.ident, has_flag(field)) else {
            return;
        };
        let arguments = Arguments::of(&field.attrs, errors);
        let kind = arguments.kind.unwrap_or_else(|| self.kind.clone());
        if arguments.key {
            match self
                .keys
                .iter()
                .find(|(known, _)| known.value() == kind.value())
            {
                Some(_) => {
                    let message = format!("the kind `{}` has a key already", kind.value());
                    errors.at(name, message);
                }
                None => self.keys.push((kind.clone(), field)),
            }
        }
        if let Some(given) = arguments.attribute {
            let own = || LitStr::new(&name.unraw().to_string(), name.span());
            let attribute = Attribute {
                kind,
                name: given.unwrap_or_else(own),
                field,
            };
            let same = |known: &&Attribute<'_>| {
                known.kind.value() == attribute.kind.value()
                    && known.name.value() == attribute.name.value()
            };
            if ["key", "kind"].contains(&&*attribute.name.value()) {
                let message = "`key` and `kind` are no attributes: use `#[flag(key)]`, `#[flag(kind = \"..\")]`";
                errors.at(&attribute.name, message);
            } else if self.attributes.iter().any(|known| same(&known)) {
                let message = format!("the attribute `{}` is given twice", attribute.name.value());
                errors.at(&attribute.name, message);
            }
            self.attributes.push(attribute);
        } else if !arguments.key {
            errors.at(
                name,
                format!("`#[flag(..)]` says what the field is: {KEYS}"),
            );
        }
    }

    /// Rejects kinds without a key.
    fn check(&self, input: &DeriveInput, errors: &mut Errors) {
        let has_key = |kind: &LitStr| {
            self.keys
                .iter()
                .any(|(known, _)| known.value() == kind.value())
        };
        if !has_key(&self.kind) {
            let kind = self.kind.value();
            let message = format!("the kind `{kind}` has no key: put `#[flag(key)]` on a field");
            errors.at(&input.ident, message);
            return;
        }
        for attribute in &self.attributes {
            if !has_key(&attribute.kind) {
                let kind = attribute.kind.value();
                let message =
                    format!("the kind `{kind}` has no key: `#[flag(kind = \"{kind}\", key)]`");
                errors.at(&attribute.kind, message);
            }
        }
    }

    fn implement(&self, input: &DeriveInput) -> TokenStream {
        let Self {
            facade,
            kind: primary,
            ..
        } = self;
        let pattern = |kind: &LitStr| match kind.value() == primary.value() {
            true => quote!(::core::option::Option::None | ::core::option::Option::Some(#kind)),
            false => quote!(::core::option::Option::Some(#kind)),
        };
        let keys = self.keys.iter().map(|(kind, field)| {
            let (pattern, name) = (pattern(kind), &field.ident);
            let value = quote_spanned! {field.ty.span()=>
                #facade::flags::ContextKey::context_key(&self.#name)
            };
            quote!(#pattern => #value,)
        });
        let attributes = self.attributes.iter().map(|attribute| {
            let (pattern, name) = (pattern(&attribute.kind), &attribute.name);
            let field = &attribute.field.ident;
            let value = quote_spanned! {attribute.field.ty.span()=>
                #facade::flags::ContextAttribute::context_attribute(&self.#field)
            };
            quote!((#pattern, #name) => #value,)
        });
        let name = &input.ident;
        let (generics, arguments, bounds) = input.generics.split_for_impl();
        quote! {
            #[automatically_derived]
            impl #generics #facade::flags::Context for #name #arguments #bounds {
                fn key(&self, kind: ::core::option::Option<&str>) -> ::core::option::Option<&str> {
                    match kind {
                        #(#keys)*
                        _ => ::core::option::Option::None,
                    }
                }

                fn kind(&self) -> &str {
                    #primary
                }

                fn attribute(
                    &self,
                    kind: ::core::option::Option<&str>,
                    name: &#facade::flags::AttributeName,
                ) -> ::core::option::Option<#facade::flags::AttributeValue<'_>> {
                    match (kind, name.as_str()) {
                        #(#attributes)*
                        _ => ::core::option::Option::None,
                    }
                }
            }
        }
    }
}

fn has_flag(field: &Field) -> bool {
    field.attrs.iter().any(|attr| attr.path().is_ident("flag"))
}

impl Arguments {
    fn of(attrs: &[syn::Attribute], errors: &mut Errors) -> Self {
        let mut all = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("flag")) {
            let read = attr.parse_nested_meta(|meta| {
                let word = meta.path.get_ident().map(Ident::to_string);
                match word.as_deref() {
                    Some("key") => all.key = true,
                    Some("attribute") => {
                        let has_name = meta.input.peek(Token![=]);
                        all.attribute = Some(has_name.then(|| text(&meta)).transpose()?);
                    }
                    Some("kind") => all.kind = Some(text(&meta)?),
                    Some("crate") => {
                        all.facade = Some(meta.value()?.call(Path::parse_mod_style)?);
                    }
                    _ => return Err(meta.error(format!("unknown argument: {KEYS}"))),
                }
                Ok(())
            });
            errors.note(read);
        }
        all
    }
}

/// Takes `= ".."`, which is not empty.
fn text(meta: &syn::meta::ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let literal: LitStr = meta.value()?.parse()?;
    match literal.value().is_empty() {
        true => Err(Error::new(literal.span(), "the name is empty")),
        false => Ok(literal),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    #[test]
    fn flag_context() {
        let item = r#"
            struct Account<T: Clone> {
                #[flag(key)]
                id: String,
                #[flag(attribute = "plan")]
                tier: T,
                #[flag(kind = "organization", key)]
                organization: Option<String>,
                secret: u8,
            }
        "#;
        let expanded = super::expand(item.parse().expect("tokens"));
        let file = syn::parse2(expanded).expect("the expansion should be items");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../tests/expand");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| assert_snapshot!("flag_context", prettyplease::unparse(&file)));
    }
}
