use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Hashes tokens without their positions: FNV-1a, <https://www.rfc-editor.org/rfc/rfc9923>.
///
/// Ignores spacing, and invisible groups, which appear and disappear as macros pass tokens on.
pub(crate) fn fingerprint(tokens: TokenStream) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.tokens(tokens);
    hash.0
}

struct Fnv(u64);

impl Fnv {
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => {
                            self.tokens(group.stream());
                            continue;
                        }
                    };
                    self.word(open);
                    self.tokens(group.stream());
                    self.word(close);
                }
                TokenTree::Ident(ident) => self.word(&ident.to_string()),
                TokenTree::Punct(punct) => self.word(punct.as_char().encode_utf8(&mut [0; 4])),
                TokenTree::Literal(literal) => self.word(&literal.to_string()),
            }
        }
    }

    /// Separates words by the byte 0xff, which UTF-8 never contains.
    fn word(&mut self, word: &str) {
        for byte in word.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Group;

    use super::*;

    fn of(text: &str) -> u64 {
        fingerprint(text.parse().expect("the text should be Rust tokens"))
    }

    #[test]
    fn hashes_tokens_and_not_spacing() {
        assert_eq!(of("fn a ( ) { 1 + = 2 }"), of("fn a(){1+=2}"));
        for other in [
            "fn a() { 1 += 3 }",
            "fn a() ( 1 += 2 )",
            "fn a() {} 1 += 2",
            "fn a() { \"1\" += 2 }",
        ] {
            assert_ne!(of("fn a() { 1 += 2 }"), of(other), "{other}");
        }
        assert_ne!(of("ab c"), of("a bc"));
    }

    #[test]
    fn invisible_groups_are_ignored() {
        let inner: TokenStream = "1 + 2".parse().expect("tokens");
        let group = TokenTree::Group(Group::new(Delimiter::None, inner.clone()));
        assert_eq!(fingerprint(group.into()), fingerprint(inner));
    }
}
