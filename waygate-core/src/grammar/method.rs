use std::{fmt, str::FromStr};

use super::Invalid;

/// The HTTP methods that a router distinguishes (RFC 9110 section 9, RFC 5789).
///
/// ```
/// use waygate_core::grammar::Method;
///
/// assert_eq!(Method::from_name("GET"), Some(Method::Get));
/// assert_eq!(Method::Get.as_str(), "GET");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
    Options,
    Connect,
    Trace,
}

impl Method {
    /// Every method, in the order in which a bare path is resolved.
    pub const ALL: [Method; 9] = [
        Self::Get,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Head,
        Self::Options,
        Self::Connect,
        Self::Trace,
    ];

    /// Returns the method in capitals, as on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Connect => "CONNECT",
            Self::Trace => "TRACE",
        }
    }

    /// Returns the method of exactly this name; methods are case-sensitive (RFC 9110 section 9.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::from_name(text).ok_or_else(|| {
            let upper = text.to_ascii_uppercase();
            let problem = match Self::from_name(&upper) {
                Some(method) => format!("methods are written in capitals: `{method}`"),
                None => {
                    "expected one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, CONNECT, TRACE"
                        .to_owned()
                }
            };
            Invalid::new("method", text, problem)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_parses_back() {
        for method in Method::ALL {
            assert_eq!(method.to_string().parse::<Method>().unwrap(), method);
        }
        assert_eq!(Method::from_name("get"), None);
    }

    #[test]
    fn lower_case_is_pointed_out() {
        let error = "get".parse::<Method>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid method `get`: methods are written in capitals: `GET`"
        );
    }

    #[test]
    fn other_words_list_the_methods() {
        for text in ["", "FETCH", "GET ", "Ä"] {
            assert_eq!(
                text.parse::<Method>().unwrap_err().problem(),
                "expected one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, CONNECT, TRACE"
            );
        }
    }
}
