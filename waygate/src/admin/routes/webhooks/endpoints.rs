use std::sync::Arc;

use axum::{extract::State, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::PolicyName,
    view::Done,
    webhook::{WebhookDefinition, WebhookSecret},
};

use super::body::{CreateWebhook, CreatedWebhook, Webhook, WebhookFields};
use crate::{
    ChangeError, Operator,
    admin::{
        key::Name,
        responses::{Change, Conflicts, NotFound, Read, Tagged},
        searched::Searched,
        state::AdminState,
    },
    auth::Principal,
    engine::WebhookError,
    rest::{JsonBody, Listing, Problem, Reply, done},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, set, patch, delete))
}

/// Lists the webhooks, by name.
#[utoipa::path(
    get,
    path = "/api/webhooks",
    operation_id = "list_webhooks",
    tag = "webhooks",
    params(Searched),
    responses((status = OK, description = "The webhooks.", body = [Webhook]), Read),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Listing { filters, page }: Listing<Searched>,
) -> Response {
    let revision = state.waygate.revision();
    let all = state.waygate.webhooks().await.into_iter();
    let shown = all.map(|record| Webhook::shown_to(record, &principal));
    let mut all: Vec<Webhook> = shown.collect();
    all.retain(|webhook| filters.finds(webhook.searched()));
    page.of(&all, revision)
}

/// Creates a webhook. It gets what happens from now on. The response shows its secret, which no other shows.
#[utoipa::path(
    post,
    path = "/api/webhooks",
    operation_id = "create_webhook",
    tag = "webhooks",
    request_body = CreateWebhook,
    responses(
        (status = CREATED, description = "The webhook.", body = Tagged<CreatedWebhook>),
        Change,
        Conflicts
    ),
    security(("token" = ["admin"]))
)]
async fn create(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    JsonBody(body): JsonBody<CreateWebhook>,
) -> Result<Reply<CreatedWebhook>, Problem> {
    let name: PolicyName = body.name.parse()?;
    if state.waygate.webhook(name.as_str()).await.is_ok() {
        return Err(ChangeError::from(WebhookError::Exists(name.to_string())).into());
    }
    let definition = body.fields().apply(None)?;
    // Another request may create it meanwhile.
    let operator = operator.if_revision(0);
    match put(&operator, name.clone(), definition).await {
        Ok(created) => Ok(created.created()),
        Err(ChangeError::Conflict { .. }) => {
            Err(ChangeError::from(WebhookError::Exists(name.to_string())).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Shows a webhook.
#[utoipa::path(
    get,
    path = "/api/webhooks/{name}",
    operation_id = "get_webhook",
    tag = "webhooks",
    responses((status = OK, description = "The webhook.", body = Tagged<Webhook>), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Name(name): Name,
) -> Result<Reply<Webhook>, Problem> {
    let record = state.waygate.webhook(name.as_str()).await?;
    let revision = record.revision;
    Ok(Reply::ok(Webhook::shown_to(record, &principal)).with_tag(revision))
}

/// Creates a webhook, or replaces one and keeps its secrets and its place. A disabled one is enabled.
#[utoipa::path(
    put,
    path = "/api/webhooks/{name}",
    operation_id = "set_webhook",
    tag = "webhooks",
    request_body = WebhookFields,
    responses(
        (status = OK, description = "The webhook.", body = Tagged<CreatedWebhook>),
        Change,
        Conflicts
    ),
    security(("token" = ["admin"]))
)]
async fn set(
    operator: Operator,
    Name(name): Name,
    JsonBody(body): JsonBody<WebhookFields>,
) -> Result<Reply<CreatedWebhook>, Problem> {
    let definition = body.apply(None)?;
    Ok(put(&operator, name, definition).await?)
}

/// Changes some fields of a webhook. A disabled one is enabled.
#[utoipa::path(
    patch,
    path = "/api/webhooks/{name}",
    operation_id = "patch_webhook",
    tag = "webhooks",
    request_body = WebhookFields,
    responses(
        (status = OK, description = "The webhook.", body = Tagged<CreatedWebhook>),
        Change,
        NotFound,
        Conflicts
    ),
    security(("token" = ["admin"]))
)]
async fn patch(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    Name(name): Name,
    JsonBody(body): JsonBody<WebhookFields>,
) -> Result<Reply<CreatedWebhook>, Problem> {
    let known = state.waygate.webhook(name.as_str()).await?;
    let number = known.revision.number;
    let definition = body.apply(Some(known.definition))?;
    // The other fields are those that were read.
    let operator = operator.unless_changed(number);
    Ok(put(&operator, name, definition).await?)
}

/// Deletes a webhook, with its queue and its dead letters.
#[utoipa::path(
    delete,
    path = "/api/webhooks/{name}",
    operation_id = "delete_webhook",
    tag = "webhooks",
    responses((status = OK, description = "The webhook is deleted.", body = Done), Change, NotFound, Conflicts),
    security(("token" = ["admin"]))
)]
async fn delete(operator: Operator, Name(name): Name) -> Result<Reply<Done>, Problem> {
    operator.delete_webhook(name.as_str()).await?;
    Ok(done())
}

async fn put(
    operator: &Operator,
    name: PolicyName,
    definition: WebhookDefinition,
) -> Result<Reply<CreatedWebhook>, ChangeError> {
    let (revision, secret) = operator.put_webhook(name.clone(), definition).await?;
    let webhook = operator.changed_webhook(name.as_str()).await?.into();
    let secret = secret.map(|secret: WebhookSecret| secret.expose().to_string());
    Ok(Reply::ok(CreatedWebhook { secret, webhook }).with_tag(revision))
}
