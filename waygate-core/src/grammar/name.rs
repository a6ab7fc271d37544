use std::{fmt, str::FromStr};

use super::{Invalid, Method};

/// Declares a newtype over a checked name.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                match $check(text) {
                    Some(problem) => Err(Invalid::new($noun, text, problem)),
                    None => Ok(Self(text.into())),
                }
            }
        }
    };
}

name! {
    /// The name of an environment: lowercase ASCII letters, digits, `-` and `_`; 1 to 64 bytes.
    EnvName, "environment name", env_problem
}

name! {
    /// The name of a role: ASCII letters, digits and `. _ : / @ -`; 1 to 128 bytes.
    RoleName, "role name", role_problem
}

name! {
    /// The name of a service in a fleet: ASCII letters, digits and `. _ -`; 1 to 128 bytes; no HTTP method.
    ServiceName, "service name", service_problem
}

fn env_problem(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (!length_fits(text, 64) || !text.bytes().all(fine)).then(|| {
        "use 1 to 64 lowercase ASCII letters, digits, `-` or `_`, such as `production`".to_owned()
    })
}

fn role_problem(text: &str) -> Option<String> {
    let fine =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'/' | b'@' | b'-');
    (!length_fits(text, 128) || !text.bytes().all(fine)).then(|| {
        "use 1 to 128 ASCII letters, digits or `. _ : / @ -`, such as `billing:admin`".to_owned()
    })
}

fn service_problem(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !length_fits(text, 128) || !text.bytes().all(fine) {
        return Some(
            "use 1 to 128 ASCII letters, digits or `. _ -`, such as `payments-service`".to_owned(),
        );
    }
    Method::from_name(text).map(|method| format!("`{method}` is an HTTP method"))
}

fn length_fits(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
}
