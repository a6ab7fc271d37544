//! Webhooks in requests and responses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waygate_core::{
    grammar::Invalid,
    view::TokenScope,
    webhook::{
        EventFilter, StoredSecret, WebhookDefinition, WebhookFormat, WebhookHeaders, WebhookSecret,
    },
};

use crate::{
    auth::Principal,
    engine::WebhookRecord,
    rest::{Problem, ProblemKind, RequestBody},
};

/// A webhook. Its secrets, the values of its headers, and the path of its URL are not shown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Webhook {
    /// The name.
    #[schema(example = "ops")]
    name: String,
    /// The URL without its path.
    #[schema(example = "https://hooks.example.com/…")]
    url: String,
    /// Patterns of the types of its events. Empty for all.
    events: Vec<String>,
    /// The services of its events. Empty for all.
    services: Vec<String>,
    /// The tags of the routes of its events. Empty for all.
    tags: Vec<String>,
    /// The subjects of its events. Empty for all.
    routes: Vec<String>,
    /// The form of its bodies.
    #[schema(example = "standard")]
    format: String,
    /// The template, if this is the form. It may have a secret, so that only requests with the scope `admin` see it.
    template: Option<String>,
    /// The names of its additional headers.
    headers: Vec<String>,
    /// The values before and after a change are left out.
    thin: bool,
    /// Its events wait.
    paused: bool,
    /// The application declares it: it cannot be changed here.
    declared: bool,
    /// The ends of its secrets, newest first; `null` for one without an end.
    #[schema(value_type = Vec<Option<String>>)]
    secrets_expire_at: Vec<Option<String>>,
    /// Set if nothing is sent until it is enabled.
    disabled: Option<DisabledWebhook>,
    /// The first failure since the last success.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    /// The end of a pause that the receiver has asked for.
    #[schema(format = DateTime)]
    throttled_until: Option<String>,
    /// Set if this service sends nothing, because another one declares a webhook of this name.
    conflict: Option<String>,
    /// The number of events that are sent again.
    retries: usize,
    /// The number of events that were given up.
    dead_letters: usize,
}

/// The reason and the time of the end of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DisabledWebhook {
    /// The time.
    #[schema(format = DateTime)]
    at: String,
    /// The reason.
    reason: String,
}

impl Webhook {
    /// Shows the webhook to this author.
    pub(super) fn shown_to(record: WebhookRecord, principal: &Principal) -> Self {
        let mut shown = Self::from(record);
        if !principal.scopes.contains(&TokenScope::Admin) {
            shown.template = None;
        }
        shown
    }

    /// The strings that a list is searched by.
    pub(super) fn searched(&self) -> [&str; 2] {
        [&self.name, &self.url]
    }
}

impl From<WebhookRecord> for Webhook {
    fn from(record: WebhookRecord) -> Self {
        let WebhookDefinition {
            url,
            filter,
            format,
            secrets,
            headers,
            thin,
            paused,
            ..
        } = record.definition;
        Self {
            name: record.name,
            url: format!("{}/…", url.origin()),
            events: filter.events.into_iter().map(String::from).collect(),
            services: filter.services,
            tags: filter.tags,
            routes: filter.routes,
            format: format.name().to_owned(),
            template: match format {
                WebhookFormat::Template { source, .. } => Some(source),
                _ => None,
            },
            headers: headers.names().map(str::to_owned).collect(),
            thin,
            paused,
            declared: record.is_declared,
            secrets_expire_at: secrets
                .iter()
                .map(|known| known.expires_at.map(|end| end.to_string()))
                .collect(),
            disabled: record.disabled.map(|(at, reason)| DisabledWebhook {
                at: at.to_string(),
                reason,
            }),
            failing_since: record.failing_since.map(|at| at.to_string()),
            throttled_until: record.throttled_until.map(|at| at.to_string()),
            conflict: record.conflict,
            retries: record.retries,
            dead_letters: record.dead_letters,
        }
    }
}

/// A webhook with its new secret, which is shown only here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreatedWebhook {
    /// The secret, for the receiver. `null` if the request had one.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(super) secret: Option<String>,
    /// The webhook.
    #[serde(flatten)]
    pub(super) webhook: Webhook,
}

/// The fields of a webhook. A missing one has its default, or, in `PATCH`, keeps its value.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(examples(json!({"url": "https://hooks.example.com/waygate", "events": ["route.*"]})))]
#[serde(default, deny_unknown_fields)]
pub(super) struct WebhookFields {
    /// The URL: `https`, and an address of the internet, unless the application allows more.
    #[schema(
        example = "https://hooks.example.com/waygate",
        max_length = 2048,
        nullable = false
    )]
    url: Option<String>,
    /// Patterns of types: `route.disabled`, `route.*`, `*`. Empty for all.
    #[schema(example = json!(["route.*"]), nullable = false)]
    events: Option<Vec<String>>,
    /// Names of services. Empty for all.
    services: Option<Vec<String>>,
    /// Tags of routes in the OpenAPI document. Empty for all.
    #[schema(nullable = false)]
    tags: Option<Vec<String>>,
    /// Subjects such as `GET:/payments`, or `GET:/v2/*` for a prefix. Empty for all.
    routes: Option<Vec<String>>,
    /// `standard`, `python`, `python_slack`, `slack`, `cloudevents` or `template`.
    #[schema(example = "standard")]
    format: Option<String>,
    /// The template of minijinja for the format `template`.
    #[schema(max_length = 16384)]
    template: Option<String>,
    /// The type of the body for the format `template`. Default: `application/json`.
    #[schema(max_length = 100)]
    content_type: Option<String>,
    /// A secret of your own: `whsec_` and the base64 of 24 to 64 bytes. By default, the server makes one.
    secret: Option<String>,
    /// Additional headers. Their values are never shown.
    headers: Option<BTreeMap<String, String>>,
    /// Leaves out the values before and after a change.
    thin: Option<bool>,
    /// Lets its events wait.
    paused: Option<bool>,
}

impl RequestBody for WebhookFields {
    const REQUIRED: bool = true;
}

/// A new webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateWebhook {
    /// The name: 1 to 64 letters, digits, `_`, `.` and `-`.
    #[schema(example = "ops")]
    pub(super) name: String,
    /// The URL: `https`, and an address of the internet, unless the application allows more.
    #[schema(example = "https://hooks.example.com/waygate", max_length = 2048)]
    pub(super) url: String,
    /// Patterns of types: `route.disabled`, `route.*`, `*`. Empty for all.
    #[schema(example = json!(["route.*"]))]
    #[serde(default)]
    pub(super) events: Vec<String>,
    /// A secret of your own: `whsec_` and the base64 of 24 to 64 bytes. By default, the server makes one.
    #[serde(default)]
    pub(super) secret: Option<String>,
}

impl RequestBody for CreateWebhook {
    const REQUIRED: bool = true;
}

impl CreateWebhook {
    pub(super) fn fields(self) -> WebhookFields {
        WebhookFields {
            url: Some(self.url),
            events: Some(self.events),
            secret: self.secret,
            ..WebhookFields::default()
        }
    }
}

impl WebhookFields {
    /// Changes a definition, or makes one if there is none.
    pub(super) fn apply(
        self,
        known: Option<WebhookDefinition>,
    ) -> Result<WebhookDefinition, Problem> {
        let mut definition = match (known, &self.url) {
            (Some(known), None) => known,
            (Some(mut known), Some(url)) => {
                known.url = url.parse()?;
                known
            }
            (None, Some(url)) => serde_json::from_value(serde_json::json!({ "url": url }))
                .map_err(|error| Problem::new(ProblemKind::InvalidValue, error.to_string()))?,
            (None, None) => {
                let text = "url: this field is required";
                return Err(Problem::new(ProblemKind::InvalidBody, text));
            }
        };
        if let Some(format) = self.format()? {
            definition.format = format;
        }
        apply_filter(
            &mut definition.filter,
            self.events,
            self.services,
            self.routes,
        )?;
        definition.filter.tags = self.tags.unwrap_or(definition.filter.tags);
        if let Some(secret) = self.secret {
            let secret: WebhookSecret = secret.parse()?;
            definition.secrets = vec![StoredSecret::new(secret)];
        }
        if let Some(headers) = self.headers {
            definition.headers = WebhookHeaders::try_from(headers)?;
        }
        definition.thin = self.thin.unwrap_or(definition.thin);
        definition.paused = self.paused.unwrap_or(definition.paused);
        Ok(definition)
    }

    fn format(&self) -> Result<Option<WebhookFormat>, Problem> {
        let template = |source: &String| WebhookFormat::Template {
            source: source.clone(),
            content_type: self
                .content_type
                .clone()
                .unwrap_or_else(|| "application/json".to_owned()),
        };
        Ok(Some(match (self.format.as_deref(), &self.template) {
            (None, None) if self.content_type.is_none() => return Ok(None),
            (None | Some("template"), Some(source)) => template(source),
            (Some("standard"), None) => WebhookFormat::Standard,
            (Some("python"), None) => WebhookFormat::Python,
            (Some("python_slack"), None) => WebhookFormat::PythonSlack,
            (Some("slack"), None) => WebhookFormat::Slack,
            (Some("cloudevents"), None) => WebhookFormat::CloudEvents,
            (Some(other), _) => {
                let problem = "use `standard`, `python`, `python_slack`, `slack`, `cloudevents`, or `template` with the field `template`";
                return Err(Invalid::new("format", other, problem).into());
            }
            (None, None) => {
                let problem = "it belongs to the field `template`";
                let given = self.content_type.as_deref().unwrap_or_default();
                return Err(Invalid::new("content_type", given, problem).into());
            }
        }))
    }
}

fn apply_filter(
    filter: &mut EventFilter,
    events: Option<Vec<String>>,
    services: Option<Vec<String>>,
    routes: Option<Vec<String>>,
) -> Result<(), Invalid> {
    if let Some(events) = events {
        let patterns = events.iter().map(|pattern| pattern.parse());
        filter.events = patterns.collect::<Result<_, _>>()?;
    }
    if let Some(services) = services {
        for service in &services {
            service.parse::<waygate_core::grammar::ServiceName>()?;
        }
        filter.services = services;
    }
    filter.routes = routes.unwrap_or_else(|| std::mem::take(&mut filter.routes));
    Ok(())
}
