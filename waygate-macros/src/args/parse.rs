use proc_macro2::{Ident, TokenTree};
use quote::ToTokens;
use syn::{
    Expr, ExprGroup, Token,
    ext::IdentExt,
    parse::{ParseStream, discouraged::Speculative},
    token::Brace,
};

use waygate_core::similar::typing_errors;

use super::{Args, string};

impl Args {
    /// Reads `key = value` and values without a key, separated by commas.
    ///
    /// Skips an unreadable piece up to the next comma, so that it hides no other mistake.
    pub(super) fn read(&mut self, input: ParseStream<'_>) {
        while !input.is_empty() {
            let well = match key(input) {
                Some(key) => self.read_named(key, input),
                None => self.read_positional(input),
            };
            if well && !input.is_empty() && !input.peek(Token![,]) {
                self.errors
                    .push(input.error("expected `,` between arguments"));
            }
            if !well || !starts_with_key(input) {
                skip_to_comma(input);
            }
            let _comma = input.parse::<Option<Token![,]>>();
        }
    }

    /// Returns whether the argument could be read.
    fn read_named(&mut self, key: Ident, input: ParseStream<'_>) -> bool {
        if input.peek(Token![:]) {
            self.errors
                .at(&key, format!("write `{key} = ..` with an equals sign"));
            return false;
        }
        let _equals = input.parse::<Token![=]>();
        if input.is_empty() || input.peek(Token![,]) {
            self.errors
                .at(&key, format!("`{key}` needs a value: `{key} = ..`"));
            return true;
        }
        let value = match input.peek(Brace) {
            true => braces(input),
            false => self.read_value(input),
        };
        let Some(value) = value else {
            return false;
        };
        if !self.syntax.keys.contains(&key.to_string().as_str()) {
            self.unknown(&key);
        } else if self.named.iter().any(|(name, _)| *name == key) {
            self.errors.at(&key, format!("`{key}` is given twice"));
        } else {
            self.named.push((key, value));
        }
        true
    }

    fn read_positional(&mut self, input: ParseStream<'_>) -> bool {
        let Some(value) = self.read_value(input) else {
            return false;
        };
        let keys = self.syntax.keys;
        match bare_word(&value) {
            Some(word) if keys.contains(&word.as_str()) => {
                self.errors
                    .at(&value, format!("`{word}` needs a value: `{word} = ..`"));
            }
            _ if self.syntax.positional => self.positional.push(value),
            _ if string(&value).is_some() && keys.contains(&"reason") => {
                self.errors
                    .at(&value, "a reason needs its name: `reason = \"..\"`");
            }
            _ => {
                let message = format!(
                    "{} takes named arguments only: {}",
                    self.syntax,
                    self.keys()
                );
                self.errors.at(&value, message);
            }
        }
        true
    }

    fn read_value(&mut self, input: ParseStream<'_>) -> Option<Expr> {
        let ahead = input.fork();
        let value = self.errors.note(ahead.parse::<Expr>())?;
        input.advance_to(&ahead);
        Some(ungrouped(value))
    }

    fn unknown(&mut self, key: &Ident) {
        let word = key.to_string();
        let hint = match nearest(&word, self.syntax.keys) {
            Some(known) => format!("did you mean `{known}`?"),
            // The name of it in the other attributes.
            None if word == "response" && self.syntax.keys.contains(&"otherwise") => {
                "use `otherwise = path::to::function`".to_owned()
            }
            None => format!("expected {}", self.keys()),
        };
        self.errors.at(
            key,
            format!("unknown argument `{word}` for {}: {hint}", self.syntax),
        );
    }

    /// Lists the known keys.
    fn keys(&self) -> String {
        let keys = self.syntax.keys.iter();
        let keys: Vec<_> = keys.map(|key| format!("`{key}`")).collect();
        match keys.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => keys.concat(),
        }
    }
}

/// Returns the most similar word of `known`.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = |known: &&&str| typing_errors(known, word) * 3 <= word.len();
    let nearest = known.iter().filter(near);
    nearest
        .min_by_key(|known| typing_errors(known, word))
        .copied()
}

/// Takes the key of `key = ..`, and of `key: ..`, a common mistake.
fn key(input: ParseStream<'_>) -> Option<Ident> {
    starts_with_key(input)
        .then(|| input.call(Ident::parse_any).ok())
        .flatten()
}

fn starts_with_key(input: ParseStream<'_>) -> bool {
    let equals = input.peek2(Token![=]) && !input.peek2(Token![==]);
    let colon = input.peek2(Token![:]) && !input.peek2(Token![::]);
    input.peek(Ident::peek_any) && (equals || colon)
}

/// Takes `{ .. }` as tokens: a block is never a value here, and its content need not parse as one.
fn braces(input: ParseStream<'_>) -> Option<Expr> {
    let group: TokenTree = input.parse().ok()?;
    Some(Expr::Verbatim(group.into_token_stream()))
}

pub(super) fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

/// Returns `value` as a single identifier.
fn bare_word(value: &Expr) -> Option<String> {
    match value {
        Expr::Path(path) => path.path.get_ident().map(Ident::to_string),
        _ => None,
    }
}

/// Removes the invisible group that `macro_rules!` puts around a captured value.
pub(super) fn ungrouped(value: Expr) -> Expr {
    match value {
        Expr::Group(ExprGroup { expr, .. }) => ungrouped(*expr),
        other => other,
    }
}
