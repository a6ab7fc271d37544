//! The arguments of an attribute.

mod parse;
mod values;

use std::fmt;

use proc_macro2::{Ident, Span, TokenStream};
use syn::{
    Error, Expr, ExprLit, ExprPath, Lit, LitStr, Path,
    parse::{ParseStream, Parser},
};
use waygate_core::grammar::Invalid;

use crate::errors::Errors;

pub(crate) use values::Amount;

/// The name of an attribute, and the form of its arguments.
#[derive(Debug)]
pub(crate) struct Syntax {
    /// The name in messages, with its path.
    pub(crate) path: &'static str,
    /// The keys of its arguments, in the order in which messages list them.
    pub(crate) keys: &'static [&'static str],
    /// Accepts values without a key.
    pub(crate) positional: bool,
}

/// The arguments of one attribute, taken out one by one.
///
/// No method fails: mistakes are collected in `errors` and reported together.
pub(crate) struct Args {
    syntax: &'static Syntax,
    named: Vec<(Ident, Expr)>,
    positional: Vec<Expr>,
    pub(crate) errors: Errors,
}

/// An optional argument after its check, with its literals.
pub(crate) enum Given<T, L = LitStr> {
    /// Absent.
    Not,
    /// Present and invalid; the mistake is reported.
    Wrong,
    /// Present and valid.
    Right(L, T),
}

impl<T> Given<T> {
    /// Returns the literal of a valid argument.
    pub(crate) fn literal(self) -> Option<LitStr> {
        match self {
            Self::Right(literal, _) => Some(literal),
            Self::Not | Self::Wrong => None,
        }
    }
}

impl Syntax {
    pub(crate) fn name(&self) -> &'static str {
        self.path.rsplit("::").next().unwrap_or(self.path)
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.ends_with('!') {
            true => f.write_str(self.path),
            false => write!(f, "#[{}]", self.path),
        }
    }
}

impl Args {
    pub(crate) fn parse(syntax: &'static Syntax, tokens: TokenStream) -> Self {
        let mut args = Self {
            syntax,
            named: Vec::new(),
            positional: Vec::new(),
            errors: Errors::default(),
        };
        let parser = |input: ParseStream<'_>| {
            args.read(input);
            Ok(())
        };
        let parsed = parser.parse2(tokens);
        args.errors.note(parsed);
        args
    }

    /// Takes `key = ".."` and checks it with one of the grammars.
    pub(crate) fn text<T>(
        &mut self,
        key: &str,
        example: &str,
        grammar: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Given<T> {
        let Some(value) = self.take(key) else {
            return Given::Not;
        };
        let Some(literal) = string(&value) else {
            let message = format!("`{key}` takes a string literal: `{key} = \"{example}\"`");
            self.errors.at(value, message);
            return Given::Wrong;
        };
        match grammar(&literal.value()) {
            Ok(value) => Given::Right(literal, value),
            Err(invalid) => {
                self.errors.at(literal, invalid);
                Given::Wrong
            }
        }
    }

    /// Takes `key = path::to::item`.
    pub(crate) fn item(&mut self, key: &str, example: &str) -> Option<ExprPath> {
        match self.take(key)? {
            Expr::Path(path) => Some(path),
            other => {
                let message = format!("`{key}` takes a path: `{key} = {example}`");
                self.errors.at(other, message);
                None
            }
        }
    }

    /// Takes `key = path::to::module`, a path without generic arguments.
    pub(crate) fn module(&mut self, key: &str, example: &str) -> Option<Path> {
        let item = self.item(key, example)?;
        let plain = |path: &Path| path.segments.iter().all(|s| s.arguments.is_none());
        if item.qself.is_none() && plain(&item.path) {
            return Some(item.path);
        }
        let message = format!("`{key}` takes a path: `{key} = {example}`");
        self.errors.at(item, message);
        None
    }

    /// Takes the strings without a key: at least one, none twice.
    pub(crate) fn list<T: PartialEq>(
        &mut self,
        what: &str,
        example: &str,
        grammar: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Vec<LitStr> {
        let syntax = self.syntax;
        let values = std::mem::take(&mut self.positional);
        if values.is_empty() {
            let message = format!("{syntax} needs at least one {what}: `{example}`");
            self.errors.push(Error::new(Span::call_site(), message));
        }
        self.distinct(what, values, &format!("{syntax} takes"), example, grammar)
            .0
    }

    /// Collects the string literals among `values`, and the valid values of them, each once. `taker` starts the
    /// message about other values.
    fn distinct<T: PartialEq>(
        &mut self,
        what: &str,
        values: impl IntoIterator<Item = Expr>,
        taker: &str,
        example: &str,
        grammar: impl Fn(&str) -> Result<T, Invalid>,
    ) -> (Vec<LitStr>, Vec<T>) {
        let mut seen = Vec::new();
        let mut literals = Vec::new();
        for value in values {
            let Some(literal) = string(&value) else {
                let message = format!("{taker} string literals: `{example}`");
                self.errors.at(value, message);
                continue;
            };
            match grammar(&literal.value()) {
                Ok(value) if seen.contains(&value) => {
                    let message = format!("the {what} `{}` is listed twice", literal.value());
                    self.errors.at(&literal, message);
                }
                Ok(value) => seen.push(value),
                Err(invalid) => self.errors.at(&literal, invalid),
            }
            literals.push(literal);
        }
        (literals, seen)
    }

    /// Takes `key = ..` unparsed.
    pub(crate) fn take(&mut self, key: &str) -> Option<Expr> {
        let at = self.named.iter().position(|(name, _)| name == key)?;
        Some(self.named.swap_remove(at).1)
    }
}

/// Returns `value` as a string literal.
pub(crate) fn string(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(literal),
            ..
        }) => Some(literal.clone()),
        _ => None,
    }
}
