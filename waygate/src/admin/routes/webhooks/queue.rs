use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{Timestamp, view::Done, webhook::EventPattern};

use crate::{
    Operator,
    admin::{
        key::Name,
        responses::{Change, Conflicts, NotFound, Read, Write},
        state::AdminState,
    },
    auth::Principal,
    engine::{Replay, WebhookAttempt, WebhookDelivery},
    rest::{Filters, JsonBody, Listing, Problem, ProblemKind, Reply, RequestBody, SMALL, done},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(test))
        .routes(routes!(rotate))
        .routes(routes!(enable))
        .routes(routes!(replay))
        .routes(routes!(attempts))
        .routes(routes!(retries))
        .routes(routes!(dead_letters))
}

/// Sends a test event now, whatever the filters are. It is not sent again.
#[utoipa::path(
    post,
    path = "/api/webhooks/{name}/test",
    operation_id = "test_webhook",
    tag = "webhooks",
    responses((status = OK, description = "The attempt; `null` if the format has no message for it.", body = Option<WebhookAttempt>), Write, NotFound),
    security(("token" = ["admin"]))
)]
async fn test(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Name(name): Name,
) -> Result<Reply<Option<WebhookAttempt>>, Problem> {
    let operator = state.waygate.operator(principal.origin);
    Ok(Reply::ok(operator.test_webhook(name.as_str()).await?))
}

/// The overlap of a rotation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RotateRequest {
    /// How long the old secrets sign as well: 0 to 2592000 seconds. Default: 86400, a day.
    #[serde(default = "day")]
    #[schema(maximum = 2592000, default = 86400)]
    overlap_seconds: u64,
}

impl RequestBody for RotateRequest {
    const MAX_BYTES: usize = SMALL;
}

fn day() -> u64 {
    86_400
}

const MAX_OVERLAP: u64 = 30 * 86_400;

/// A new secret, which is shown only here.
#[derive(Debug, Serialize, ToSchema)]
struct NewSecret {
    /// The secret, for the receiver.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// Gives a webhook a new secret. The old ones sign as well for a while.
#[utoipa::path(
    post,
    path = "/api/webhooks/{name}/rotate",
    operation_id = "rotate_webhook_secret",
    tag = "webhooks",
    request_body = Option<RotateRequest>,
    responses((status = OK, description = "The new secret.", body = NewSecret), Change, NotFound, Conflicts),
    security(("token" = ["admin"]))
)]
async fn rotate(
    operator: Operator,
    Name(name): Name,
    JsonBody(body): JsonBody<RotateRequest>,
) -> Result<Reply<NewSecret>, Problem> {
    if body.overlap_seconds > MAX_OVERLAP {
        let text = format!("overlap_seconds: expected 0 to {MAX_OVERLAP}");
        return Err(Problem::new(ProblemKind::InvalidBody, text));
    }
    let overlap = Duration::from_secs(body.overlap_seconds);
    let secret = operator
        .rotate_webhook_secret(name.as_str(), overlap)
        .await?;
    let secret = secret.expose().to_string();
    Ok(Reply::ok(NewSecret { secret }))
}

/// Options of an enabled webhook.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct EnableRequest {
    /// `true` to take it over from another service. Default: `false`.
    take_over: bool,
}

impl RequestBody for EnableRequest {
    const MAX_BYTES: usize = SMALL;
}

/// Enables a webhook that was disabled because its receiver was gone or failed for too long.
///
/// If another service declares a webhook of this name, too, the response is 409. With `take_over`, this service, which has
/// to declare it as well, gets its place, and the other one sends nothing any more.
#[utoipa::path(
    post,
    path = "/api/webhooks/{name}/enable",
    operation_id = "enable_webhook",
    tag = "webhooks",
    request_body = Option<EnableRequest>,
    responses(
        (status = OK, description = "The webhook is enabled.", body = Done),
        Write,
        NotFound,
        Conflicts
    ),
    security(("token" = ["admin"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Name(name): Name,
    JsonBody(body): JsonBody<EnableRequest>,
) -> Result<Reply<Done>, Problem> {
    let operator = state.waygate.operator(principal.origin);
    match body.take_over {
        true => operator.take_over_webhook(name.as_str()).await?,
        false => operator.enable_webhook(name.as_str()).await?,
    }
    Ok(done())
}

/// The events to send again. Without a field: all that have failed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct ReplayRequest {
    /// Only the event of this entry of the audit log.
    #[schema(value_type = Option<String>, format = Uuid)]
    entry: Option<uuid::Uuid>,
    /// Everything since this time that the audit log still has.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

impl RequestBody for ReplayRequest {
    const MAX_BYTES: usize = SMALL;
}

/// The number of events that are sent again.
#[derive(Debug, Serialize, ToSchema)]
struct Replayed {
    /// The number; `null` for all since a time, which is read from the audit log later.
    count: Option<usize>,
}

/// Sends events again: one, all since a time, or all that have failed.
#[utoipa::path(
    post,
    path = "/api/webhooks/{name}/replay",
    operation_id = "replay_webhook",
    tag = "webhooks",
    request_body = Option<ReplayRequest>,
    responses((status = OK, description = "They are in the queue.", body = Replayed), Write, NotFound),
    security(("token" = ["admin"]))
)]
async fn replay(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Name(name): Name,
    JsonBody(body): JsonBody<ReplayRequest>,
) -> Result<Reply<Replayed>, Problem> {
    let what = match (body.entry, body.since) {
        (None, None) => Replay::Failed,
        (Some(entry), None) => Replay::One(entry),
        (None, Some(since)) => Replay::Since(since),
        (Some(_), Some(_)) => {
            let text = "give either `entry` or `since`";
            return Err(Problem::new(ProblemKind::InvalidBody, text));
        }
    };
    let is_known = !matches!(what, Replay::Since(_));
    let operator = state.waygate.operator(principal.origin);
    let count = operator.replay_webhook(name.as_str(), what).await?;
    let count = is_known.then_some(count);
    Ok(Reply::ok(Replayed { count }))
}

/// Filters of events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct QueueParams {
    /// Only events with types that this pattern matches: `route.disabled`, `route.*` or `*`.
    #[param(nullable = false, value_type = Option<String>, example = "route.*")]
    event: Option<EventPattern>,
    /// Only events with this subject.
    #[param(nullable = false, example = "GET:/payments")]
    subject: Option<String>,
}

impl Filters for QueueParams {}

impl QueueParams {
    fn selects(&self, event: &str, subject: &str) -> bool {
        let is_of =
            |pattern: &EventPattern| event.parse().is_ok_and(|event| pattern.matches(event));
        self.event.as_ref().is_none_or(is_of)
            && self.subject.as_ref().is_none_or(|wanted| wanted == subject)
    }
}

/// Lists the last attempts of the process that answers, newest first, at most 100.
#[utoipa::path(
    get,
    path = "/api/webhooks/{name}/attempts",
    operation_id = "list_webhook_attempts",
    tag = "webhooks",
    params(QueueParams),
    responses((status = OK, description = "The attempts.", body = [WebhookAttempt]), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn attempts(
    State(state): State<Arc<AdminState>>,
    Name(name): Name,
    listing: Listing<QueueParams>,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let mut attempts = state.waygate.webhook_attempts(name.as_str()).await?;
    attempts.retain(|known| listing.filters.selects(&known.event, &known.subject));
    Ok(listing.page.of(&attempts, revision))
}

/// Lists the events that are sent again, oldest first.
#[utoipa::path(
    get,
    path = "/api/webhooks/{name}/retries",
    operation_id = "list_webhook_retries",
    tag = "webhooks",
    params(QueueParams),
    responses((status = OK, description = "The events.", body = [WebhookDelivery]), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn retries(
    State(state): State<Arc<AdminState>>,
    Name(name): Name,
    listing: Listing<QueueParams>,
) -> Result<Response, Problem> {
    deliveries(&state, name.as_str(), &listing, |known| {
        known.next.is_some()
    })
    .await
}

/// Lists the events that were given up, oldest first, at most 1000.
#[utoipa::path(
    get,
    path = "/api/webhooks/{name}/dead-letters",
    operation_id = "list_webhook_dead_letters",
    tag = "webhooks",
    params(QueueParams),
    responses((status = OK, description = "The events.", body = [WebhookDelivery]), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn dead_letters(
    State(state): State<Arc<AdminState>>,
    Name(name): Name,
    listing: Listing<QueueParams>,
) -> Result<Response, Problem> {
    deliveries(&state, name.as_str(), &listing, |known| {
        known.next.is_none()
    })
    .await
}

async fn deliveries(
    state: &AdminState,
    name: &str,
    Listing { filters, page }: &Listing<QueueParams>,
    keep: impl Fn(&WebhookDelivery) -> bool,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let mut all = state.waygate.webhook_deliveries(name).await?;
    all.retain(|known| keep(known) && filters.selects(&known.event, &known.subject));
    Ok(page.of(&all, revision))
}
