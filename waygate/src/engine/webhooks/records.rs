//! The public form of webhooks and their attempts.

use serde::Serialize;
use uuid::Uuid;
use waygate_core::{Timestamp, model::Revision, webhook::WebhookDefinition};

/// A webhook and its state.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, webhook::Webhook};
///
/// let ops = Webhook::new("ops", "https://hooks.example.com/waygate");
/// let waygate = Waygate::builder().webhook(ops).build().await?;
/// let known = &waygate.webhooks().await[0];
/// assert_eq!((known.name.as_str(), known.is_declared), ("ops", true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WebhookRecord {
    /// The name.
    pub name: String,
    /// The endpoint. Its secrets are not shown by `Debug`.
    pub definition: WebhookDefinition,
    /// `true` if the application declares it: operators cannot change it.
    pub is_declared: bool,
    /// Its commit; 0 if it is declared.
    pub revision: Revision,
    /// The time since which it is disabled, and the reason.
    pub disabled: Option<(Timestamp, String)>,
    /// The first failure since the last success.
    pub failing_since: Option<Timestamp>,
    /// The end of a pause that the receiver has asked for.
    pub throttled_until: Option<Timestamp>,
    /// Why this process does not deliver: another service declares a webhook of this name.
    pub conflict: Option<String>,
    /// Events that are sent again.
    pub retries: usize,
    /// Events that were given up.
    pub dead_letters: usize,
}

/// The outcome of an attempt.
///
/// ```
/// use waygate::webhook::AttemptOutcome;
///
/// assert_eq!(serde_json::to_value(AttemptOutcome::Delivered).unwrap(), "delivered");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// 2xx.
    Delivered,
    /// Any other answer, or none.
    Failed,
    /// 429, 502 or 504.
    Throttled,
    /// 410.
    Gone,
    /// The body could not be made. Nothing was sent.
    Unformatted,
}

/// An attempt to deliver an event.
///
/// ```
/// # async fn last(waygate: &waygate::Waygate) -> Option<waygate::webhook::WebhookAttempt> {
/// waygate.webhook_attempts("ops").await.ok()?.into_iter().next()
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct WebhookAttempt {
    /// The id of the event: `webhook-id`.
    pub id: String,
    /// The type of the event.
    pub event: String,
    /// The subject of the event.
    pub subject: String,
    /// The start.
    #[cfg_attr(feature = "admin", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The outcome.
    pub outcome: AttemptOutcome,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The time to the answer, in milliseconds.
    pub duration_ms: f64,
    /// The reason if there was no answer.
    pub error: Option<String>,
    /// The first KiB of the answer.
    pub answer: String,
}

/// An event that is sent again, or was given up.
///
/// ```
/// # async fn count(waygate: &waygate::Waygate) -> usize {
/// waygate.webhook_deliveries("ops").await.map_or(0, |all| all.len())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct WebhookDelivery {
    /// The id of the event: `webhook-id`.
    pub id: String,
    /// The id of its entry in the audit log.
    #[cfg_attr(feature = "admin", schema(value_type = String, format = Uuid))]
    pub entry: Uuid,
    /// The type of the event.
    pub event: String,
    /// The subject of the event.
    pub subject: String,
    /// The number of attempts.
    pub attempts: u32,
    /// The time of the next attempt; `null` for a dead letter.
    #[cfg_attr(feature = "admin", schema(value_type = Option<String>, format = DateTime))]
    pub next: Option<Timestamp>,
    /// The time of the last failure.
    #[cfg_attr(feature = "admin", schema(value_type = String, format = DateTime))]
    pub failed_at: Timestamp,
    /// The last failure.
    pub error: String,
}
