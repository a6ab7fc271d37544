use std::fmt;

/// The key of a request, returned by a function of the application: a user, a tenant, a document.
///
/// Keys are bytes, and equal bytes share one counter. Numbers are converted to decimal digits, so `Key::from(7)`
/// equals `Key::from("7")`. An empty key is valid. Keys may be personal data, so the debug output hides them.
///
/// ```
/// use waygate::{limits::Key, response::RequestParts};
///
/// fn tenant(request: &RequestParts) -> Option<Key> {
///     Some(Key::from(request.headers.get("x-tenant")?.as_bytes()))
/// }
/// # let request = http::Request::builder().header("x-tenant", "acme").body(()).unwrap();
/// assert_eq!(tenant(&request.into_parts().0), Some("acme".into()));
/// assert_eq!(format!("{:?}", Key::from("acme")), "Key(..)");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(Box<[u8]>);

impl Key {
    /// Returns the bytes of the key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<&String> for Key {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl<const N: usize> From<[u8; N]> for Key {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes.into())
    }
}

macro_rules! from_numbers {
    ($($number:ty),+) => {$(
        impl From<$number> for Key {
            fn from(number: $number) -> Self {
                Self::from(number.to_string())
            }
        }
    )+};
}

from_numbers!(
    u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_are_equal_keys() {
        let seven = Key::from("7");
        for same in [
            Key::from(7),
            Key::from(7_u128),
            "7".to_owned().into(),
            (&"7".to_owned()).into(),
            b"7".to_vec().into(),
            b"7"[..].into(),
            [b'7'].into(),
        ] {
            assert_eq!(same, seven);
        }
        assert_eq!(Key::from(-12_i64).as_bytes(), b"-12");
        assert_ne!(Key::from(""), seven);
    }

    #[test]
    fn the_debug_form_shows_nothing() {
        assert_eq!(format!("{:#?}", Key::from("secret")), "Key(..)");
    }
}
