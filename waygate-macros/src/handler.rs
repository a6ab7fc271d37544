use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote, quote_spanned};
use syn::{
    Attribute, Error, Path, Result, ReturnType, Signature, Token, Type, TypeParamBound, Visibility,
    braced,
    parse::{ParseStream, Parser},
    spanned::Spanned,
    token::Brace,
};

use crate::{attr, marker::Marker};

/// The function under an attribute.
///
/// The body stays raw tokens: it may not parse while it is being written.
pub(crate) struct Handler {
    pub(crate) attrs: Vec<Attribute>,
    /// The marker of the attributes above, which is not among `attrs`.
    pub(crate) above: Marker,
    visibility: Visibility,
    pub(crate) signature: Signature,
    brace: Brace,
    inner_attrs: Vec<Attribute>,
    body: TokenStream,
}

impl Handler {
    /// # Errors
    /// If the item is not a function with a body.
    pub(crate) fn parse(attribute: &attr::Attribute, item: TokenStream) -> Result<Self> {
        let parser = |input: ParseStream<'_>| {
            let mut attrs = input.call(Attribute::parse_outer)?;
            let visibility = input.parse()?;
            if !starts_function(input) {
                return Err(
                    input.error(format!("{attribute} can only be put on a handler function"))
                );
            }
            let signature: Signature = input.parse()?;
            if input.peek(Token![;]) {
                let message = format!("{attribute} can only be put on a function with a body");
                return Err(Error::new_spanned(signature, message));
            }
            let content;
            let brace = braced!(content in input);
            let inner_attrs = content.call(Attribute::parse_inner)?;
            let body = content.parse()?;
            Ok(Self {
                above: Marker::take(&mut attrs),
                attrs,
                visibility,
                signature,
                brace,
                inner_attrs,
                body,
            })
        };
        parser.parse2(item)
    }

    /// Returns whether the signature is only valid in an `impl` or a `trait`.
    pub(crate) fn is_associated(&self) -> bool {
        names_self(self.signature.to_token_stream())
    }

    /// Makes the handler await `entering` before its body runs, if it is `async` or returns a known kind of future. Other
    /// results cannot be awaited on its behalf.
    pub(crate) fn enter(&mut self, facade: &Path, entering: TokenStream) {
        let body = &self.body;
        if self.signature.asyncness.is_some() {
            self.body = quote!(#entering.await; #body);
            return;
        }
        // A closure, since the body may `return`. Code before the returned future waits as well.
        match self.returned() {
            Returned::Future => {
                self.body = quote!(async move { #entering.await; (move || { #body })().await });
            }
            Returned::Boxed(output) => {
                // The closure returns the type of the function.
                self.body = quote! {
                    ::std::boxed::Box::pin(async move {
                        #entering.await;
                        (move || -> #output { #body })().await
                    })
                };
            }
            Returned::Other => {
                let check = self.check_returned(facade);
                let body = &self.body;
                self.body = quote!(#check #body);
            }
        }
    }

    /// A closure that does not compile if the function returns a future of another kind.
    fn check_returned(&self, facade: &Path) -> Option<TokenStream> {
        let ReturnType::Type(_, returned) = &self.signature.output else {
            return None;
        };
        // An unnamed type cannot be checked.
        let is_named =
            |token: TokenTree| !matches!(token, TokenTree::Ident(ident) if ident == "impl");
        if !flat(returned.to_token_stream()).into_iter().all(is_named) {
            return None;
        }
        Some(quote_spanned! {returned.span()=>
            let _ = || {
                use #facade::__private::NoFuture as _;
                #facade::__private::is_awaited(#facade::__private::Returns::<#returned>::NEW.known())
            };
        })
    }

    fn returned(&self) -> Returned {
        let ReturnType::Type(_, returned) = &self.signature.output else {
            return Returned::Other;
        };
        match &**returned {
            Type::ImplTrait(returned) => {
                let is_future = returned.bounds.iter().any(|bound| match bound {
                    TypeParamBound::Trait(bound) => {
                        let last = bound.path.segments.last();
                        last.is_some_and(|segment| segment.ident == "Future")
                    }
                    _ => false,
                });
                match is_future {
                    true => Returned::Future,
                    false => Returned::Other,
                }
            }
            Type::Path(path) => {
                let last = path.path.segments.last();
                let name = last.map(|segment| segment.ident.to_string());
                match name.as_deref() {
                    Some("Pin" | "BoxFuture" | "LocalBoxFuture") => {
                        Returned::Boxed(returned.to_token_stream())
                    }
                    _ => Returned::Other,
                }
            }
            _ => Returned::Other,
        }
    }

    /// Replaces the signature, and returns the function as it was, without its attributes. Its body moves with it.
    pub(crate) fn replace(&mut self, signature: Signature) -> TokenStream {
        let signature = std::mem::replace(&mut self.signature, signature);
        let (inner, body) = (
            std::mem::take(&mut self.inner_attrs),
            std::mem::take(&mut self.body),
        );
        let mut tokens = signature.into_token_stream();
        self.brace.surround(&mut tokens, |tokens| {
            tokens.append_all(&inner);
            tokens.extend(body);
        });
        tokens
    }

    pub(crate) fn set_body(&mut self, body: TokenStream) {
        self.body = body;
    }

    /// Emits the function with `statement` first in its body, and the marker as its last attribute.
    pub(crate) fn into_tokens(self, facade: &Path, statement: TokenStream) -> TokenStream {
        let mut tokens = TokenStream::new();
        tokens.append_all(&self.attrs);
        self.above.to_attribute(facade).to_tokens(&mut tokens);
        self.visibility.to_tokens(&mut tokens);
        self.signature.to_tokens(&mut tokens);
        self.brace.surround(&mut tokens, |tokens| {
            tokens.append_all(&self.inner_attrs);
            tokens.extend(statement);
            tokens.extend(self.body);
        });
        tokens
    }
}

/// The tokens of a stream and of its groups.
fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let flat_tree = |token| match token {
        TokenTree::Group(group) => flat(group.stream()),
        token => vec![token],
    };
    tokens.into_iter().flat_map(flat_tree).collect()
}

/// The result of a function that is not `async`.
enum Returned {
    /// `impl Future`.
    Future,
    /// A boxed future of this type.
    Boxed(TokenStream),
    Other,
}

/// Returns whether a function follows, perhaps after `const`, `async`, `unsafe` and `extern "C"`.
fn starts_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    while !ahead.is_empty() && !ahead.peek(Token![fn]) {
        let qualifier = ahead.peek(Token![const])
            || ahead.peek(Token![async])
            || ahead.peek(Token![unsafe])
            || ahead.peek(Token![extern])
            || ahead.peek(syn::LitStr);
        if !qualifier || ahead.parse::<TokenTree>().is_err() {
            return false;
        }
    }
    ahead.peek(Token![fn])
}

fn names_self(tokens: TokenStream) -> bool {
    flat(tokens)
        .iter()
        .any(|token| matches!(token, TokenTree::Ident(ident) if ident == "self" || ident == "Self"))
}
