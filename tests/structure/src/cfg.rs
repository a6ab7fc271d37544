use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Meta};

/// Returns whether an item is compiled for tests or doctests only.
pub(crate) fn is_test(attrs: &[Attribute]) -> bool {
    conditions(attrs).any(|condition| requires_test(condition.clone()))
}

/// The conditions of an item, as text: `admin`, `admin+file`, `admin|openapi`, `!admin`.
pub(crate) fn of(attrs: &[Attribute]) -> Vec<String> {
    conditions(attrs)
        .filter_map(|condition| text(condition.clone()))
        .collect()
}

fn conditions(attrs: &[Attribute]) -> impl Iterator<Item = &TokenStream> {
    attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::List(list) if list.path.is_ident("cfg") => Some(&list.tokens),
        _ => None,
    })
}

fn requires_test(condition: TokenStream) -> bool {
    let mut word = String::new();
    for tree in condition {
        match tree {
            TokenTree::Ident(ident) => word = ident.to_string(),
            TokenTree::Group(group) if word == "all" || word == "any" => {
                if requires_test(group.stream()) {
                    return true;
                }
                word.clear();
            }
            TokenTree::Group(_) => word.clear(),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        if word == "test" || word == "doctest" {
            return true;
        }
    }
    false
}

fn text(condition: TokenStream) -> Option<String> {
    let trees: Vec<TokenTree> = condition.into_iter().collect();
    match &trees[..] {
        [TokenTree::Ident(word), TokenTree::Group(group)] => {
            let parts = separated(group.stream());
            let parts: Vec<String> = parts.into_iter().filter_map(text).collect();
            Some(match word.to_string().as_str() {
                "all" => parts.join("+"),
                "any" => parts.join("|"),
                _ => format!("!{}", parts.concat()),
            })
        }
        [TokenTree::Ident(word), _, TokenTree::Literal(value)] if word == "feature" => {
            Some(value.to_string().trim_matches('"').to_owned())
        }
        [first, rest @ ..] => {
            let rest: String = rest.iter().map(ToString::to_string).collect();
            Some(format!("{first}{rest}"))
        }
        [] => None,
    }
}

fn separated(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for tree in tokens {
        match (&tree, parts.last_mut()) {
            (TokenTree::Punct(comma), _) if comma.as_char() == ',' => {
                parts.push(TokenStream::new())
            }
            (_, Some(part)) => part.extend([tree]),
            (_, None) => {}
        }
    }
    parts
}
