use hmac_sha256::{HMAC, Hash};
use http::{HeaderMap, HeaderName, header, request::Parts};

use crate::{
    auth::Principal,
    rest::{Problem, ProblemKind},
};

/// The header of draft-ietf-httpapi-idempotency-key-header-07.
pub(super) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in bytes.
const MAX_LEN: usize = 255;

/// The key of a request, as the client chose it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// Reads the key: a string of RFC 8941, or the same without quotes.
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut lines = headers.get_all(HEADER).iter();
        let Some(line) = lines.next() else {
            return Ok(None);
        };
        if lines.next().is_some() {
            return Err(invalid("it is given twice"));
        }
        let line = line
            .to_str()
            .map_err(|_| invalid("it is not ASCII"))?
            .trim();
        let key = match line.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None if line
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"\\,;".contains(&byte)) =>
            {
                line.to_owned()
            }
            None => return Err(invalid("it needs quotes")),
        };
        match key.len() {
            0 => Err(invalid("it is empty")),
            1..=MAX_LEN => Ok(Some(Self(key))),
            _ => Err(invalid("it is too long")),
        }
    }

    /// The name of the key in the store. Keys of different credentials differ.
    pub(super) fn id(&self, principal: &Principal) -> Box<str> {
        let credential = match (principal.token, principal.is_external) {
            (Some(token), _) => format!("token {token}"),
            (None, true) => format!("user {}", principal.username),
            (None, false) => "anonymous".to_owned(),
        };
        let mut hash = Hash::new();
        for part in [&credential, &self.0] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex(&hash.finalize()[..16])
    }

    /// A value that differs between requests. The key is its secret, so that the value reveals nothing about a body to
    /// a reader of the store.
    pub(super) fn fingerprint(&self, head: &Parts, body: &[u8], author: &Principal) -> Box<str> {
        let target = head
            .uri
            .path_and_query()
            .map_or("", |target| target.as_str());
        let mut parts = vec![head.method.as_str().as_bytes(), target.as_bytes()];
        let names = [
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
        ];
        for name in &names {
            parts.push(name.as_str().as_bytes());
            parts.extend(
                head.headers
                    .get_all(name)
                    .iter()
                    .map(http::HeaderValue::as_bytes),
            );
        }
        parts.push(body);
        // With other rights, the handler might refuse it.
        let rights = serde_json::to_vec(&(&author.scopes, &author.services)).unwrap_or_default();
        parts.push(&rights);
        let mut mac = HMAC::new(&self.0);
        for part in parts {
            mac.update((part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        hex(&mac.finalize())
    }
}

/// Reads the rest of a string after its first quote.
fn unquoted(text: &str) -> Result<String, Problem> {
    let mut key = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next() {
            Some('"') if rest.as_str().is_empty() => return Ok(key),
            Some('"') => return Err(invalid("there is something after its last quote")),
            Some('\\') => match rest.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(invalid("`\\` must precede `\"` or `\\`")),
            },
            Some(other @ ' '..='~') => key.push(other),
            Some(_) => return Err(invalid("it has a control character")),
            None => return Err(invalid("its last quote is missing")),
        }
    }
}

fn invalid(problem: &str) -> Problem {
    let text = format!(
        "Invalid `Idempotency-Key`: {problem}. Send 1 to {MAX_LEN} characters, different for each change, such as a UUID: \
         `\"8e03978e-40d5-43e8-bc93-6894a57f9324\"`."
    );
    Problem::new(ProblemKind::InvalidValue, text)
}

fn hex(bytes: &[u8]) -> Box<str> {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};
    use waygate_core::view::{Services, TokenScope};

    use super::*;

    fn read(line: &str) -> Result<Option<Key>, Problem> {
        let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
        Key::read(&HeaderMap::from_iter([(HEADER, line)]))
    }

    #[test]
    fn a_key_is_a_string_or_a_bare_word() {
        let long = "x".repeat(255);
        for (line, key) in [
            ("\"8e03978e\"", "8e03978e"),
            ("8e03978e", "8e03978e"),
            (" \"a b\" ", "a b"),
            ("\"a\\\"b\\\\c\"", "a\"b\\c"),
            ("a:b/c=", "a:b/c="),
            (&long, &long),
        ] {
            assert_eq!(read(line).unwrap(), Some(Key(key.to_owned())), "{line}");
        }
        assert_eq!(Key::read(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn users_have_keys_of_their_own() {
        let (key, anonymous) = (Key("k".to_owned()), Principal::anonymous());
        let external = |username: &str| Principal {
            username: username.to_owned(),
            is_external: true,
            ..Principal::anonymous()
        };
        let (alice, bob) = (external("alice"), external("bob"));
        assert_eq!(key.id(&alice), key.id(&external("alice")));
        assert_ne!(key.id(&alice), key.id(&bob));
        assert_ne!(key.id(&alice), key.id(&anonymous));
    }

    #[test]
    fn malformed_keys_are_refused() {
        let long = "x".repeat(256);
        for line in [
            "",
            " ",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "\"a\"b",
            "\"a\";x=1",
            "a b",
            "a,b",
            "\"a\\b\"",
            "ü",
            "\"a\tb\"",
            &long,
        ] {
            assert!(read(line).is_err(), "{line:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append(HEADER, HeaderValue::from_static("a"));
        twice.append(HEADER, HeaderValue::from_static("a"));
        assert!(Key::read(&twice).is_err());
    }

    #[test]
    fn requests_have_different_fingerprints() {
        let of = |key: &str, method: &str, uri: &str, tag: Option<&str>, body: &str| {
            let mut request = Request::builder().method(method).uri(uri);
            if let Some(tag) = tag {
                request = request.header(header::IF_MATCH, tag);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            Key(key.to_owned()).fingerprint(&head, body.as_bytes(), &Principal::anonymous())
        };
        let mut limited = Principal::anonymous();
        limited.services = Services::only(["shop".parse().unwrap()]);
        let mut viewer = Principal::anonymous();
        viewer.scopes = [TokenScope::Read].into();
        let by = |author: &Principal| {
            let (head, ()) = Request::post("/a").body(()).unwrap().into_parts();
            Key("k".to_owned()).fingerprint(&head, b"{}", author)
        };
        assert_eq!(
            by(&Principal::anonymous()),
            of("k", "POST", "/a", None, "{}")
        );
        let all = [
            by(&limited),
            by(&viewer),
            of("k", "POST", "/a", None, "{}"),
            of("k", "PUT", "/a", None, "{}"),
            of("k", "POST", "/b", None, "{}"),
            of("k", "POST", "/a?x=1", None, "{}"),
            of("k", "POST", "/a", Some("\"1\""), "{}"),
            of("k", "POST", "/a", None, "{ }"),
            of("l", "POST", "/a", None, "{}"),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(all[2], of("k", "POST", "/a", None, "{}"));
    }
}
