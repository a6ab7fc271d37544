use waygate_core::grammar::Invalid;

/// An invalid token, origin or URL in the configuration of the server. The text never contains a token.
///
/// ```
/// use waygate::ofrep::Token;
///
/// let error = Token::server("secret").unwrap_err();
/// assert_eq!(error.to_string(), "invalid token: use 16 to 256 visible ASCII characters; this one has 6");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what}: {problem}")]
pub struct InvalidOption {
    what: &'static str,
    problem: String,
}

waygate_core::debug_as_message!(InvalidOption);

impl InvalidOption {
    pub(super) fn new(what: &'static str, problem: impl Into<String>) -> Self {
        Self {
            what,
            problem: problem.into(),
        }
    }
}

impl From<Invalid> for InvalidOption {
    fn from(invalid: Invalid) -> Self {
        Self::new("environment", invalid.problem())
    }
}
