use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::grammar::Invalid;

/// Additional headers of an endpoint, such as `Authorization`. Their values are secrets: [`Debug`](fmt::Debug) and the
/// admin API show only their names.
///
/// ```
/// use waygate_core::webhook::WebhookHeaders;
///
/// let mut headers = WebhookHeaders::default();
/// headers.insert("X-Api-Key", "k1")?;
/// assert_eq!(headers.names().collect::<Vec<_>>(), ["x-api-key"]);
/// assert!(headers.insert("Host", "example.com").is_err());
/// assert!(headers.insert("X-Key", "two\r\nlines").is_err());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct WebhookHeaders(BTreeMap<String, String>);

/// The most headers of an endpoint.
const MAX_HEADERS: usize = 20;
const MAX_VALUE: usize = 4096;

/// Headers that are ours, or that frame the message.
const RESERVED: &[&str] = &[
    "connection",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl WebhookHeaders {
    /// Adds a header, or replaces it.
    ///
    /// # Errors
    /// The name or the value is not one of HTTP, or the name is ours.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let invalid = |problem: &str| Invalid::new("header", name, problem.to_owned());
        let name = name.to_ascii_lowercase();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_token) {
            return Err(invalid("write 1 to 64 letters, digits, `-`, `_` and `.`"));
        }
        let is_ours = name.starts_with("webhook-") || name.starts_with("content-");
        if is_ours || RESERVED.contains(&&*name) {
            return Err(invalid("this header is set by Waygate or by HTTP"));
        }
        let is_text = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if value.len() > MAX_VALUE || !value.bytes().all(is_text) {
            return Err(invalid(
                "write at most 4096 visible ASCII characters as the value",
            ));
        }
        if self.0.len() >= MAX_HEADERS && !self.0.contains_key(&name) {
            return Err(invalid("use at most 20 headers"));
        }
        self.0.insert(name, value.to_owned());
        Ok(())
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names and the secret values. Review every call.
    pub fn expose(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for WebhookHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl TryFrom<BTreeMap<String, String>> for WebhookHeaders {
    type Error = Invalid;

    fn try_from(given: BTreeMap<String, String>) -> Result<Self, Invalid> {
        let mut headers = Self::default();
        for (name, value) in given {
            headers.insert(&name, &value)?;
        }
        Ok(headers)
    }
}
