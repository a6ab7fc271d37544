//! Values other than a string or a path.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use syn::{
    Error, Expr, ExprLit, ExprPath, Lit, LitInt, LitStr, Result, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};
use waygate_core::grammar::Invalid;

use super::{
    Args, Given,
    parse::{nearest, skip_to_comma, ungrouped},
    string,
};

/// A number, or the path of a function that returns it.
pub(crate) enum Amount {
    Number(u32),
    Function(ExprPath),
}

impl Args {
    /// Takes the only value without a key.
    pub(crate) fn single(&mut self, missing: &str, several: &str) -> Option<Expr> {
        let mut values = std::mem::take(&mut self.positional).into_iter();
        let first = values.next();
        if first.is_none() {
            let message = format!("{} {missing}", self.syntax);
            self.errors.push(Error::new(Span::call_site(), message));
        }
        for value in values {
            self.errors.at(value, several);
        }
        first
    }

    /// Returns `value` as a string literal, or reports `expected`.
    pub(crate) fn literal(&mut self, value: Expr, expected: &str) -> Option<LitStr> {
        let literal = string(&value);
        if literal.is_none() {
            self.errors.at(value, expected);
        }
        literal
    }

    /// Takes `key = "word"`, one of `words`.
    pub(crate) fn word<T>(
        &mut self,
        key: &str,
        words: &[&str],
        grammar: impl FnOnce(&str) -> std::result::Result<T, Invalid>,
    ) -> Given<T> {
        let Some(value) = self.take(key) else {
            return Given::Not;
        };
        let Some(literal) = string(&value) else {
            let words = words.join("\"`, `\"");
            let message = format!("`{key}` takes a string literal, one of `\"{words}\"`");
            self.errors.at(value, message);
            return Given::Wrong;
        };
        let text = literal.value();
        match grammar(&text) {
            Ok(value) => return Given::Right(literal, value),
            Err(invalid) => match nearest(&text, words) {
                Some(near) => {
                    let message = format!("{invalid}; did you mean `{near}`?");
                    self.errors.at(literal, message);
                }
                None => self.errors.at(literal, invalid),
            },
        }
        Given::Wrong
    }

    /// Takes `key = true`; false by default.
    pub(crate) fn flag(&mut self, key: &str) -> bool {
        match self.take(key) {
            None => false,
            Some(Expr::Lit(ExprLit {
                lit: Lit::Bool(literal),
                ..
            })) => literal.value,
            Some(other) => {
                let message = format!("`{key}` takes `true` or `false`: `{key} = true`");
                self.errors.at(other, message);
                false
            }
        }
    }

    /// Takes `key = 20`, a whole number up to `max`; `None` if it is absent or invalid.
    pub(crate) fn number(&mut self, key: &str, example: &str, max: u64) -> Option<u64> {
        let value = self.take(key)?;
        let Some(literal) = integer(&value) else {
            let message = format!("`{key}` takes a whole number: `{key} = {example}`");
            self.errors.at(value, message);
            return None;
        };
        let number = literal.base10_parse().ok().filter(|n: &u64| *n <= max);
        if number.is_none() {
            let message = format!("`{key}` is {max} at most");
            self.errors.at(literal, message);
        }
        number
    }

    /// Takes `key = 2` or `key = path::to::function`.
    pub(crate) fn number_or_function(&mut self, key: &str) -> Option<Amount> {
        let value = self.take(key)?;
        if let Expr::Path(path) = value {
            return Some(Amount::Function(path));
        }
        let number = self.positive(value, || {
            format!(
                "`{key}` takes a whole number or the path of a function: `{key} = 2`, `{key} = path::to::function`"
            )
        });
        number.map(Amount::Number)
    }

    /// Returns `value` as a whole number of 1 or more, or reports `expected`.
    pub(crate) fn positive(
        &mut self,
        value: Expr,
        expected: impl FnOnce() -> String,
    ) -> Option<u32> {
        let Some(literal) = integer(&value) else {
            self.errors.at(value, expected());
            return None;
        };
        let number = literal.base10_parse().ok().filter(|n: &u32| *n > 0);
        if number.is_none() {
            let message = format!("`{literal}` is out of range: use 1 to {}", u32::MAX);
            self.errors.at(literal, message);
        }
        number
    }

    /// Takes `key = ["..", ".."]`: at least one string, none twice.
    pub(crate) fn strings<T: PartialEq>(
        &mut self,
        key: &str,
        what: &str,
        example: &str,
        grammar: impl Fn(&str) -> std::result::Result<T, Invalid>,
    ) -> Vec<LitStr> {
        let example = format!("{key} = [\"{example}\"]");
        match self.take(key) {
            None => Vec::new(),
            Some(Expr::Array(array)) if array.elems.is_empty() => {
                self.errors
                    .at(array, format!("`{key}` is empty: leave it out"));
                Vec::new()
            }
            Some(Expr::Array(array)) => {
                let elements = array.elems.into_iter().map(ungrouped);
                self.distinct(what, elements, &format!("`{key}` takes"), &example, grammar)
                    .0
            }
            Some(other) => {
                let message = format!("`{key}` takes a list of string literals: `{example}`");
                self.errors.at(other, message);
                Vec::new()
            }
        }
    }

    /// Takes `key = ".."` or `key = ["..", ".."]`: at least one string, none twice.
    pub(crate) fn one_or_more<T: PartialEq>(
        &mut self,
        key: &str,
        example: &str,
        grammar: impl Fn(&str) -> std::result::Result<T, Invalid>,
    ) -> Given<Vec<T>, Vec<LitStr>> {
        let Some(value) = self.take(key) else {
            return Given::Not;
        };
        let example = format!("{key} = \"{example}\"");
        let elements: Vec<Expr> = match value {
            Expr::Array(array) if array.elems.is_empty() => {
                self.errors
                    .at(array, format!("`{key}` is empty: leave it out"));
                return Given::Wrong;
            }
            Expr::Array(array) => array.elems.into_iter().map(ungrouped).collect(),
            one => vec![one],
        };
        let written = elements.len();
        let (literals, values) =
            self.distinct(key, elements, &format!("`{key}` takes"), &example, grammar);
        match values.len() == written {
            true => Given::Right(literals, values),
            false => Given::Wrong,
        }
    }

    /// Takes `key = { name = "..", "other-name" = ".." }`, names as literals; `None` if it is absent.
    pub(crate) fn pairs(&mut self, key: &str, example: &str) -> Option<Vec<(LitStr, LitStr)>> {
        let value = self.take(key)?;
        let Some(inner) = between_braces(&value) else {
            let message = format!("`{key}` takes names and strings in braces: `{key} = {example}`");
            self.errors.at(value, message);
            return Some(Vec::new());
        };
        if inner.is_empty() {
            self.errors
                .at(value, format!("`{key}` is empty: leave it out"));
        }
        let mut pairs = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                match pair(input, example) {
                    Ok(pair) => pairs.push(pair),
                    Err(error) => {
                        self.errors.push(error);
                        skip_to_comma(input);
                    }
                }
                let _comma = input.parse::<Option<Token![,]>>();
            }
            Ok(())
        };
        let parsed = parser.parse2(inner);
        self.errors.note(parsed);
        Some(pairs)
    }
}

/// Reads `name = ".."` up to the next comma.
fn pair(input: ParseStream<'_>, example: &str) -> Result<(LitStr, LitStr)> {
    let name = if input.peek(LitStr) {
        input.parse()?
    } else {
        let name = input.call(Ident::parse_any)?;
        if input.peek(Token![-]) {
            let message = format!("a name with `-` needs quotes: `\"{name}-..\" = \"..\"`");
            return Err(Error::new(name.span(), message));
        }
        LitStr::new(&name.unraw().to_string(), name.span())
    };
    if !input.peek(Token![=]) {
        let message = format!("a name and its limit are written with `=`, as in `{example}`");
        return Err(input.error(message));
    }
    let _equals: Token![=] = input.parse()?;
    let value = ungrouped(input.parse()?);
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error("expected `,` between names"));
    }
    match string(&value) {
        Some(value) => Ok((name, value)),
        None => {
            let message = format!("expected a string literal, as in `{example}`");
            Err(Error::new_spanned(value, message))
        }
    }
}

fn between_braces(value: &Expr) -> Option<TokenStream> {
    let Expr::Verbatim(tokens) = value else {
        return None;
    };
    match tokens.clone().into_iter().next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            Some(group.stream())
        }
        _ => None,
    }
}

/// Returns `value` as an integer literal.
fn integer(value: &Expr) -> Option<LitInt> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(literal),
            ..
        }) => Some(literal.clone()),
        _ => None,
    }
}
