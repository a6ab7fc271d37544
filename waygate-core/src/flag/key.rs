use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::grammar::{Invalid, check_flag_key};

/// Declares a key of a definition.
macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the key.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// A key for a definition that has none, to find its other problems.
            pub(super) fn placeholder() -> Self {
                Self("-".into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                check_flag_key($noun, text)?;
                Ok(Self(text.into()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

key! {
    /// The key of a flag: 1 to 128 letters and digits of any script, `.`, `_` or `-`. Cheap to clone.
    ///
    /// ```
    /// use waygate_core::flag::FlagKey;
    ///
    /// assert!("new-checkout".parse::<FlagKey>().is_ok());
    /// let error = "new checkout".parse::<FlagKey>().unwrap_err();
    /// assert!(error.to_string().contains("such as `new-checkout`"));
    /// ```
    FlagKey, "flag key"
}

key! {
    /// The key of a segment, in the grammar of [`FlagKey`].
    ///
    /// ```
    /// use waygate_core::flag::SegmentKey;
    ///
    /// assert!("beta-testers".parse::<SegmentKey>().is_ok());
    /// ```
    SegmentKey, "segment key"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_word() {
        for key in ["f", "new-checkout", "a.b_c-1", "日本", &"ü".repeat(128)] {
            assert_eq!(key.parse::<FlagKey>().unwrap().as_str(), key);
        }
        let long = "a".repeat(129);
        for key in [
            "",
            ".",
            "..",
            "a b",
            "a/b",
            "a:b",
            "a\n",
            "a\u{202e}",
            &long,
        ] {
            assert!(key.parse::<FlagKey>().is_err(), "{key:?}");
            assert!(key.parse::<SegmentKey>().is_err(), "{key:?}");
        }
    }
}
