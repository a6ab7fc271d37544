use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::{
    Attribute, Error, Expr, ExprLit, Lit, Meta, Result, Token, Type, Visibility, parse::ParseStream,
};

/// One flag, as it is written: `pub NAME: Type = default { key = ".." }`, or with `;` in place of the braces.
pub(super) struct Item {
    pub(super) attrs: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) name: Ident,
    pub(super) value_type: Type,
    pub(super) default: Expr,
    /// The tokens between the braces.
    pub(super) options: TokenStream,
}

impl Item {
    pub(super) fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        for keyword in ["static", "const"] {
            let ahead = input.fork();
            if ahead.parse::<Ident>().is_err()
                && input
                    .cursor()
                    .ident()
                    .is_some_and(|(word, _)| word == keyword)
            {
                let message = format!("leave `{keyword}` out: `pub NEW_CHECKOUT: bool = false;`");
                return Err(input.error(message));
            }
        }
        let name: Ident = input.parse()?;
        input.parse::<Token![:]>()?;
        let value_type = input.parse()?;
        if !input.peek(Token![=]) {
            let message = format!("`{name}` needs a default: `{name}: bool = false;`");
            return Err(input.error(message));
        }
        input.parse::<Token![=]>()?;
        let (default, options) = split(&name, input)?;
        Ok(Self {
            attrs,
            visibility,
            default: syn::parse2(default)?,
            name,
            value_type,
            options,
        })
    }

    /// Returns the text of the doc comment.
    pub(super) fn description(&self) -> String {
        let lines = self.attrs.iter().filter_map(|attr| match &attr.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(line),
                    ..
                }) => Some(line.value()),
                _ => None,
            },
            _ => None,
        });
        let lines: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
        lines.join("\n").trim().to_owned()
    }
}

/// Takes the tokens of the default, and the options. Options start with `key =`, the fields of a value with `field:`.
fn split(name: &Ident, input: ParseStream<'_>) -> Result<(TokenStream, TokenStream)> {
    let mut default = TokenStream::new();
    while !input.is_empty() {
        if input.parse::<Option<Token![;]>>()?.is_some() {
            return some(name, default, TokenStream::new(), input);
        }
        match input.parse()? {
            TokenTree::Group(group)
                if group.delimiter() == Delimiter::Brace
                    && !default.is_empty()
                    && are_options(group.stream()) =>
            {
                input.parse::<Option<Token![;]>>()?;
                return some(name, default, group.stream(), input);
            }
            token => default.extend([token]),
        }
    }
    let message = format!("`{name}` ends with `;` or with its options: `{{ key = \"..\" }}`");
    Err(Error::new(name.span(), message))
}

fn some(
    name: &Ident,
    default: TokenStream,
    options: TokenStream,
    input: ParseStream<'_>,
) -> Result<(TokenStream, TokenStream)> {
    match default.is_empty() {
        true => Err(input.error(format!("`{name}` needs a default: `{name}: bool = false;`"))),
        false => Ok((default, options)),
    }
}

fn are_options(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter();
    match (tokens.next(), tokens.next(), tokens.next()) {
        (None, ..) => true,
        (Some(TokenTree::Ident(_)), Some(TokenTree::Punct(equals)), after) => {
            let double = matches!(after, Some(TokenTree::Punct(next)) if next.as_char() == '=');
            equals.as_char() == '=' && !double
        }
        _ => false,
    }
}
