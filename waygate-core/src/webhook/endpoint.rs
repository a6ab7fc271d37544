use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Egress, EventFilter, TargetUrl, WebhookFormat, WebhookHeaders, WebhookSecret};
use crate::grammar::{Invalid, PolicyName};

/// A secret of an endpoint, and when it ends.
///
/// ```
/// use waygate_core::webhook::{StoredSecret, WebhookSecret};
///
/// let kept = StoredSecret::new(WebhookSecret::generate().unwrap());
/// assert_eq!(kept.expires_at, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StoredSecret {
    /// The secret.
    pub secret: WebhookSecret,
    /// The end of its use, after a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl StoredSecret {
    /// A secret without an end.
    pub fn new(secret: WebhookSecret) -> Self {
        Self {
            secret,
            expires_at: None,
        }
    }
}

/// An endpoint, checked: where events are sent, which, and how.
///
/// ```
/// use std::time::Duration;
///
/// use waygate_core::{
///     Timestamp,
///     webhook::{Egress, Webhook, WebhookSecret},
/// };
///
/// let (name, ops) = Webhook::new("ops", "https://hooks.example.com/waygate")
///     .events(["route.*"])
///     .check(&Egress::default())?;
/// assert_eq!(name.as_str(), "ops");
/// assert_eq!(ops.url.host(), "hooks.example.com");
/// assert!(!ops.redacted().to_string().contains("whsec_"));
/// ops.check_egress(&Egress::default())?;
///
/// let (mut ops, now, day) = (ops, Timestamp::now(), Duration::from_secs(86_400));
/// ops.rotate(WebhookSecret::generate().unwrap(), now, day);
/// ops.rotate(WebhookSecret::generate().unwrap(), now, day);
/// assert_eq!(ops.secrets_at(now).count(), 2);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WebhookDefinition {
    /// The URL.
    pub url: TargetUrl,
    /// The events.
    #[serde(default)]
    pub filter: EventFilter,
    /// The form of the body.
    #[serde(default)]
    pub format: WebhookFormat,
    /// Newest first.
    #[serde(default)]
    pub secrets: Vec<StoredSecret>,
    /// Additional headers.
    #[serde(default, skip_serializing_if = "WebhookHeaders::is_empty")]
    pub headers: WebhookHeaders,
    /// `true` leaves out the values before and after a change.
    #[serde(default)]
    pub thin: bool,
    /// `true` while an operator has paused it: events wait.
    #[serde(default)]
    pub paused: bool,
}

/// The most secrets that are active together.
const MAX_SECRETS: usize = 4;

impl WebhookDefinition {
    /// The secrets that sign at this time, newest first.
    pub fn secrets_at(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let secrets = self.secrets.iter();
        let active = secrets.filter(move |known| known.expires_at.is_none_or(|end| end > now));
        active.map(|known| &known.secret)
    }

    /// Adds a new secret. The old ones sign as well until `overlap` has passed.
    pub fn rotate(&mut self, secret: WebhookSecret, now: Timestamp, overlap: Duration) {
        let end = now.saturating_add(overlap).unwrap_or(Timestamp::MAX);
        self.secrets
            .retain(|known| known.expires_at.is_none_or(|end| end > now));
        for known in &mut self.secrets {
            known.expires_at = Some(known.expires_at.map_or(end, |known| known.min(end)));
        }
        self.secrets.insert(0, StoredSecret::new(secret));
        self.secrets.truncate(MAX_SECRETS);
    }

    /// The definition without secrets, values of headers, and the path of the URL, for logs and the audit log.
    pub fn redacted(&self) -> Value {
        let ends: Vec<Option<Timestamp>> =
            self.secrets.iter().map(|known| known.expires_at).collect();
        json!({
            "url": format!("{}/…", self.url.origin()),
            "filter": self.filter,
            "format": self.format.name(),
            "secrets_expire_at": ends,
            "headers": self.headers.names().collect::<Vec<_>>(),
            "thin": self.thin,
            "paused": self.paused,
        })
    }

    /// Checks what only this process knows: what may be reached.
    ///
    /// # Errors
    /// The reason why it cannot be sent to.
    pub fn check_egress(&self, egress: &Egress) -> Result<(), Invalid> {
        let refused = |problem| Invalid::new("webhook URL", &self.url.origin(), problem);
        egress.check_url(&self.url).map_err(refused)?;
        match self.secrets.iter().find(|known| !known.secret.can_sign()) {
            Some(_) => Err(Invalid::new(
                "webhook secret",
                "…",
                "a public key cannot sign; give the private one",
            )),
            None => Ok(()),
        }
    }
}

/// An endpoint, as written in code or in a request.
///
/// ```
/// use waygate_core::webhook::{Egress, Webhook, WebhookFormat};
///
/// let webhook = Webhook::new("chat", "https://hooks.slack.com/services/T0/B0/x")
///     .events(["route.*", "global.*"])
///     .services(["billing"])
///     .tags(["payments"])
///     .routes(["GET:/payments", "GET:/v2/*"])
///     .format(WebhookFormat::Slack)
///     .secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
///     .header("x-team", "payments")
///     .thin(true)
///     .paused(false);
/// assert!(webhook.check(&Egress::default()).is_ok());
/// ```
#[derive(Clone, Default)]
#[must_use = "an endpoint does nothing until it is given to a builder"]
pub struct Webhook {
    name: String,
    url: String,
    events: Vec<String>,
    filter: EventFilter,
    format: WebhookFormat,
    secrets: Vec<String>,
    headers: Vec<(String, String)>,
    thin: bool,
    paused: bool,
}

/// Secrets, headers and the URL may be secrets.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// An endpoint that gets every event in the format `standard`.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            ..Self::default()
        }
    }

    /// Only events of these types: `route.disabled`, `route.*`.
    pub fn events<T: Into<String>>(mut self, patterns: impl IntoIterator<Item = T>) -> Self {
        self.events.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Only events of these services.
    pub fn services<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.filter
            .services
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// Only events about routes with one of these tags in the OpenAPI document.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.filter.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Only events about these subjects: `GET:/a`, or `GET:/v2/*` for a prefix.
    pub fn routes<T: Into<String>>(mut self, keys: impl IntoIterator<Item = T>) -> Self {
        self.filter.routes.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Sets the form of the body.
    pub fn format(mut self, format: WebhookFormat) -> Self {
        self.format = format;
        self
    }

    /// Adds a secret, the newest first. All of them sign.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Adds a header, such as `Authorization`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Leaves out the values before and after a change.
    pub fn thin(mut self, thin: bool) -> Self {
        self.thin = thin;
        self
    }

    /// Lets its events wait.
    pub fn paused(mut self, paused: bool) -> Self {
        self.paused = paused;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first part that is wrong, and what would be right.
    pub fn check(self, egress: &Egress) -> Result<(PolicyName, WebhookDefinition), Invalid> {
        let name: PolicyName = self.name.parse()?;
        let mut filter = self.filter;
        for pattern in &self.events {
            filter.events.push(pattern.parse()?);
        }
        let mut headers = WebhookHeaders::default();
        for (name, value) in &self.headers {
            headers.insert(name, value)?;
        }
        if self.secrets.len() > MAX_SECRETS {
            return Err(Invalid::new("webhook", &self.name, "use at most 4 secrets"));
        }
        let secrets = self
            .secrets
            .iter()
            .map(|text| text.parse().map(StoredSecret::new));
        let definition = WebhookDefinition {
            url: self.url.parse()?,
            filter,
            format: self.format,
            secrets: secrets.collect::<Result<_, _>>()?,
            headers,
            thin: self.thin,
            paused: self.paused,
        };
        definition.filter.check()?;
        definition.format.check()?;
        definition.check_egress(egress)?;
        Ok((name, definition))
    }
}
