//! Expands `macro_rules!` of one rule, which declare several public items.

use std::{collections::BTreeMap, iter::once};

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Result, Token,
    parse::{ParseStream, Parser},
};

/// A macro with a single rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pattern: Vec<Part>,
    template: Vec<Part>,
}

/// A part of a pattern or of a template.
#[derive(Debug)]
enum Part {
    Token(TokenTree),
    Group(Delimiter, Vec<Part>),
    /// `$name:fragment`, and `$name` with an empty fragment.
    Variable(String, String),
    /// `$( .. ) separator *`.
    Repeated(Vec<Part>, Option<TokenTree>),
}

/// Values of variables; one below a repetition for each of its rounds.
#[derive(Debug, Default)]
struct Bindings {
    values: BTreeMap<String, TokenStream>,
    rounds: Vec<Bindings>,
}

impl Rule {
    /// Reads the body of a `macro_rules!`.
    pub(crate) fn parse(body: TokenStream) -> Option<Self> {
        let mut trees = body.into_iter();
        let (Some(TokenTree::Group(pattern)), Some(_), Some(_), Some(TokenTree::Group(template))) =
            (trees.next(), trees.next(), trees.next(), trees.next())
        else {
            return None;
        };
        Some(Self {
            pattern: parts(pattern.stream()),
            template: parts(template.stream()),
        })
    }

    /// Expands an invocation.
    pub(crate) fn expand(&self, arguments: TokenStream) -> Option<TokenStream> {
        let mut bindings = Bindings::default();
        let parser = |input: ParseStream<'_>| matched(&self.pattern, input, &mut bindings);
        parser.parse2(arguments).ok()?;
        Some(filled(&self.template, &[&bindings]))
    }
}

fn parts(tokens: TokenStream) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut trees = tokens.into_iter().peekable();
    while let Some(tree) = trees.next() {
        parts.push(match tree {
            TokenTree::Punct(dollar) if dollar.as_char() == '$' => match trees.next() {
                Some(TokenTree::Group(group)) => {
                    let is_operator =
                        |tree: &TokenTree| ["*", "+", "?"].contains(&tree.to_string().as_str());
                    let separator = trees.next().filter(|tree| !is_operator(tree));
                    if separator.is_some() {
                        trees.next();
                    }
                    Part::Repeated(self::parts(group.stream()), separator)
                }
                Some(name) => {
                    let has_fragment = trees.peek().is_some_and(|tree| tree.to_string() == ":");
                    let fragment = match (has_fragment, trees.clone().nth(1)) {
                        (true, Some(TokenTree::Ident(fragment))) => {
                            trees.nth(1);
                            fragment.to_string()
                        }
                        _ => String::new(),
                    };
                    Part::Variable(name.to_string(), fragment)
                }
                None => break,
            },
            TokenTree::Group(group) => Part::Group(group.delimiter(), self::parts(group.stream())),
            token => Part::Token(token),
        });
    }
    parts
}

fn matched(pattern: &[Part], input: ParseStream<'_>, bindings: &mut Bindings) -> Result<()> {
    for part in pattern {
        match part {
            Part::Token(expected) => {
                let found: TokenTree = input.parse()?;
                if found.to_string() != expected.to_string() {
                    return Err(input.error(format!("expected `{expected}`")));
                }
            }
            Part::Group(_, inner) => match input.parse()? {
                TokenTree::Group(group) => {
                    let parser = |input: ParseStream<'_>| matched(inner, input, bindings);
                    parser.parse2(group.stream())?;
                }
                _ => return Err(input.error("expected a group")),
            },
            Part::Variable(name, fragment) => {
                let value = fragment_of(fragment, input)?;
                bindings.values.insert(name.clone(), value);
            }
            Part::Repeated(inner, separator) => {
                while !input.is_empty() {
                    let mut round = Bindings::default();
                    if matched(inner, &input.fork(), &mut round).is_err() {
                        break;
                    }
                    matched(inner, input, &mut Bindings::default())?;
                    bindings.rounds.push(round);
                    let Some(separator) = separator else {
                        continue;
                    };
                    let ahead: Result<TokenTree> = input.fork().parse();
                    if !ahead.is_ok_and(|tree| tree.to_string() == separator.to_string()) {
                        break;
                    }
                    input.parse::<TokenTree>()?;
                }
            }
        }
    }
    Ok(())
}

fn fragment_of(fragment: &str, input: ParseStream<'_>) -> Result<TokenStream> {
    Ok(match fragment {
        "ty" => input.parse::<syn::Type>()?.into_token_stream(),
        "path" => input.parse::<syn::Path>()?.into_token_stream(),
        "expr" => input.parse::<syn::Expr>()?.into_token_stream(),
        "meta" => input.parse::<syn::Meta>()?.into_token_stream(),
        "ident" => input.parse::<Ident>()?.into_token_stream(),
        "literal" => {
            let sign: Option<Token![-]> = input.parse()?;
            let literal: syn::Lit = input.parse()?;
            sign.into_token_stream()
                .into_iter()
                .chain(literal.into_token_stream())
                .collect()
        }
        _ => input.parse::<TokenTree>()?.into_token_stream(),
    })
}

/// `scopes` are the bindings of the repetitions around, the innermost last.
fn filled(template: &[Part], scopes: &[&Bindings]) -> TokenStream {
    let value = |name: &str| {
        let mut inner = scopes.iter().rev();
        inner.find_map(|bindings| bindings.values.get(name))
    };
    let mut tokens = TokenStream::new();
    for part in template {
        match part {
            Part::Token(token) => tokens.extend(once(token.clone())),
            Part::Group(delimiter, inner) => {
                let group = Group::new(*delimiter, filled(inner, scopes));
                tokens.extend(once(TokenTree::Group(group)));
            }
            // `$crate` is `crate` in the crate that declares the macro, the only one that is examined.
            Part::Variable(name, _) => match value(name) {
                Some(value) => tokens.extend(value.clone()),
                None => tokens.extend(name.parse::<TokenStream>()),
            },
            Part::Repeated(inner, separator) => {
                let mut names = Vec::new();
                variables(inner, &mut names);
                let rounds = scopes
                    .last()
                    .into_iter()
                    .flat_map(|bindings| &bindings.rounds);
                let rounds = rounds.filter(|round| names.iter().any(|name| round.binds(name)));
                for (at, round) in rounds.enumerate() {
                    if at > 0 {
                        tokens.extend(separator.clone());
                    }
                    tokens.extend(filled(inner, &[scopes, &[round]].concat()));
                }
            }
        }
    }
    tokens
}

impl Bindings {
    fn binds(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.rounds.iter().any(|round| round.binds(name))
    }
}

fn variables(template: &[Part], names: &mut Vec<String>) {
    for part in template {
        match part {
            Part::Variable(name, _) => names.push(name.clone()),
            Part::Group(_, inner) | Part::Repeated(inner, _) => variables(inner, names),
            Part::Token(_) => {}
        }
    }
}
