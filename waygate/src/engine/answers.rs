use http::HeaderValue;
use waygate_core::grammar::{Invalid, KeyPart};

/// The configuration of the built-in responses.
#[derive(Debug, Clone, Default)]
pub(crate) struct AnswerSettings {
    challenge: Option<HeaderValue>,
    /// `true` if clients may see the names of environments.
    pub(crate) show_environments: bool,
    /// `true` if the live document omits environments, networks and roles.
    #[cfg(feature = "openapi")]
    pub(crate) hides_access: bool,
}

impl AnswerSettings {
    /// # Errors
    /// Returns [`Invalid`] if the challenge is malformed (RFC 9110 section 11.6.1).
    pub(crate) fn new(challenge: Option<&str>, show_environments: bool) -> Result<Self, Invalid> {
        Ok(Self {
            challenge: challenge.map(parse).transpose()?,
            show_environments,
            #[cfg(feature = "openapi")]
            hides_access: false,
        })
    }

    #[cfg(feature = "openapi")]
    pub(crate) fn showing_access(self, shows_access: bool) -> Self {
        Self {
            hides_access: !shows_access,
            ..self
        }
    }

    /// The `WWW-Authenticate` header of a 401, which requires one (RFC 9110 section 15.5.2).
    pub(crate) fn challenge(&self, missing: Option<&KeyPart>) -> HeaderValue {
        let default = || match missing {
            Some(KeyPart::ApiKey) => HeaderValue::from_static("ApiKey"),
            _ => HeaderValue::from_static("Bearer"),
        };
        self.challenge.clone().unwrap_or_else(default)
    }
}

fn parse(challenge: &str) -> Result<HeaderValue, Invalid> {
    let is_token = |scheme: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !scheme.is_empty() && scheme.bytes().all(allowed)
    };
    let scheme = challenge.split(' ').next();
    let value = HeaderValue::try_from(challenge).ok();
    value
        .filter(|_| scheme.is_some_and(is_token))
        .ok_or_else(|| {
            let problem = "write the scheme and its parameters, such as `Bearer realm=\"shop\"`";
            Invalid::new("challenge", challenge, problem)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_starts_with_its_scheme() {
        for good in [
            "Bearer",
            "Bearer realm=\"shop\"",
            "Basic realm=\"a\", Bearer",
        ] {
            let settings = AnswerSettings::new(Some(good), false).unwrap();
            assert_eq!(settings.challenge(Some(&KeyPart::ApiKey)), good);
        }
        for bad in ["", " Bearer", "realm=\"shop\"", "Bearer\n"] {
            let refused = AnswerSettings::new(Some(bad), false).unwrap_err();
            assert!(refused.to_string().contains("such as `Bearer"), "{refused}");
        }
    }
}
