//! Signatures as one line of text.

use syn::{
    Attribute, Block, Fields, File, FnArg, Generics, Item, ItemFn, ItemImpl, ItemStruct, ItemType,
    Meta, Pat, PatType, Signature, Type, TypeParamBound, Visibility, parse_quote,
    punctuated::Punctuated, token::Plus,
};

/// A function without its body.
pub(crate) fn function(signature: &Signature) -> String {
    let block: Block = parse_quote!({});
    let mut signature = signature.clone();
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => receiver.mutability = None,
            FnArg::Typed(PatType { pat, .. }) => {
                if let Pat::Ident(name) = &mut **pat {
                    name.mutability = None;
                }
            }
        }
    }
    let text = one_line(Item::Fn(ItemFn {
        attrs: Vec::new(),
        vis: Visibility::Inherited,
        sig: signature,
        block: Box::new(block),
        ..parse_quote!(
            fn stand_in() {}
        )
    }));
    text.trim_end_matches("{}")
        .trim_end_matches([' ', ','])
        .to_owned()
}

/// A type.
pub(crate) fn ty(ty: &Type) -> String {
    let alias: ItemType = parse_quote!(type X = #ty;);
    let text = one_line(Item::Type(alias));
    text.trim_start_matches("type X = ")
        .trim_end_matches(';')
        .to_owned()
}

/// The bounds of a trait, with a colon.
pub(crate) fn bounds(bounds: &Punctuated<TypeParamBound, Plus>) -> String {
    if bounds.is_empty() {
        return String::new();
    }
    let text = one_line(parse_quote!(trait X: #bounds {}));
    let text = text.trim_start_matches("trait X").trim_end_matches("{}");
    text.trim_end().to_owned()
}

/// The parameters of a type, with its `where` clause.
pub(crate) fn generics(generics: &Generics) -> String {
    let (parameters, conditions) = (&generics.params, &generics.where_clause);
    if parameters.is_empty() {
        return String::new();
    }
    let item: ItemStruct = parse_quote!(struct X<#parameters> #conditions {});
    let text = one_line(Item::Struct(item));
    let text = text.trim_start_matches("struct X").trim_end_matches("{}");
    text.trim_end().to_owned()
}

/// The head of an `impl`.
pub(crate) fn implementation(item: &ItemImpl) -> String {
    let text = one_line(Item::Impl(ItemImpl {
        attrs: Vec::new(),
        items: Vec::new(),
        ..item.clone()
    }));
    text.trim_end_matches("{}")
        .trim_end_matches([' ', ','])
        .to_owned()
}

/// The payload of a variant.
pub(crate) fn payload(fields: &Fields) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|field| match &field.ident {
            Some(name) => format!("{name}: {}", ty(&field.ty)),
            None => ty(&field.ty),
        })
        .collect();
    fields.join(", ")
}

/// The attributes that are part of the interface.
pub(crate) fn attributes(attrs: &[Attribute]) -> String {
    let mut derived = Vec::new();
    let mut others = String::new();
    for attr in attrs {
        match &attr.meta {
            Meta::List(list) if list.path.is_ident("derive") => {
                let traits = list.tokens.to_string().replace(' ', "");
                derived.extend(traits.split(',').map(str::to_owned));
            }
            Meta::Path(path) if path.is_ident("non_exhaustive") => {
                others.push_str("#[non_exhaustive] ");
            }
            meta if meta.path().is_ident("deprecated") => others.push_str("#[deprecated] "),
            _ => {}
        }
    }
    derived.retain(|name| !name.is_empty());
    derived.sort();
    match derived.is_empty() {
        true => others,
        false => format!("{others}#[derive({})] ", derived.join(", ")),
    }
}

fn one_line(item: Item) -> String {
    let text = prettyplease::unparse(&File {
        shebang: None,
        attrs: Vec::new(),
        items: vec![item],
        ..parse_quote!()
    });
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let pairs = [
        ("( ", "("),
        (", )", ")"),
        ("< ", "<"),
        (", >", ">"),
        (" )", ")"),
    ];
    pairs
        .iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}
