//! Enums of words.

/// Declares an enum with the word of each value in JSON.
macro_rules! words {
    ($(#[$doc:meta])* pub enum $name:ident: $noun:literal { $($(#[$of:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$of])* $value,)+ }

        impl $name {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// Returns the word in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word,)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::grammar::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let words = [$($word),+];
                match Self::ALL.iter().find(|value| value.as_str() == text) {
                    Some(value) => Ok(*value),
                    None => Err($crate::grammar::Invalid::new(
                        $noun, text, $crate::flag::words::expected(text, &words),
                    )),
                }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(super) use words;

use crate::similar::nearest;

/// Returns the help for an unknown word: the nearest one, or all.
pub(super) fn expected(text: &str, words: &[&str]) -> String {
    match nearest(text, words) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("use one of `{}`", words.join("`, `")),
    }
}
