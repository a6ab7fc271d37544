//! Announcements: texts of operators on the page of the documentation.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{grammar::PolicyName, view::Done};

use crate::{
    Operator,
    admin::{
        key::Name,
        responses::{Change, NotFound, Read, Tagged},
        searched::Searched,
        setting::{self, Shown},
        state::AdminState,
    },
    engine::{Kind, kinds::Announcements},
    rest::{JsonBody, Listing, Problem, Reply, RequestBody, SMALL},
};

#[derive(OpenApi)]
#[openapi(tags((name = "announcements", description = "Texts on the documentation page.")))]
struct Tag;

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::with_openapi(Tag::openapi())
        .routes(routes!(list))
        .routes(routes!(get, set, delete))
}

/// An announcement.
#[derive(Debug, Serialize, ToSchema)]
struct Announcement {
    /// The name.
    #[schema(example = "upgrade")]
    name: String,
    /// The text.
    #[schema(example = "Version 2 comes on Monday.")]
    text: String,
}

impl Shown for Announcement {
    type Kind = Announcements;
    const NOUN: &'static str = "announcement";

    fn new(name: &PolicyName, value: &<Announcements as Kind>::Value) -> Self {
        Self {
            name: name.to_string(),
            text: value.text().to_owned(),
        }
    }

    fn searched(&self) -> Vec<&str> {
        vec![&self.name, &self.text]
    }
}

/// The text of an announcement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetAnnouncement {
    /// One line of 1 to 500 characters, without control characters.
    #[schema(
        example = "Version 2 comes on Monday.",
        min_length = 1,
        max_length = 500
    )]
    text: String,
}

impl RequestBody for SetAnnouncement {
    const REQUIRED: bool = true;
    const MAX_BYTES: usize = SMALL;
}

/// Lists the announcements, by name.
#[utoipa::path(
    get,
    path = "/api/announcements",
    operation_id = "list_announcements",
    tag = "announcements",
    params(Searched),
    responses((status = OK, description = "The announcements.", body = [Announcement]), Read),
    security(("token" = ["read"]))
)]
async fn list(State(state): State<Arc<AdminState>>, listing: Listing<Searched>) -> Response {
    setting::list::<Announcement>(&state, &listing)
}

/// Shows an announcement.
#[utoipa::path(
    get,
    path = "/api/announcements/{name}",
    operation_id = "get_announcement",
    tag = "announcements",
    responses((status = OK, description = "The announcement.", body = Tagged<Announcement>), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    Name(name): Name,
) -> Result<Reply<Announcement>, Problem> {
    setting::get(&state, &name)
}

/// Sets an announcement, replacing the previous one of this name.
#[utoipa::path(
    put,
    path = "/api/announcements/{name}",
    operation_id = "set_announcement",
    tag = "announcements",
    request_body = SetAnnouncement,
    responses((status = OK, description = "The updated announcement.", body = Tagged<Announcement>), Change),
    security(("token" = ["write:global"]))
)]
async fn set(
    operator: Operator,
    Name(name): Name,
    JsonBody(body): JsonBody<SetAnnouncement>,
) -> Result<Reply<Announcement>, Problem> {
    setting::set(operator, name, body.text.parse()?).await
}

/// Deletes an announcement.
#[utoipa::path(
    delete,
    path = "/api/announcements/{name}",
    operation_id = "delete_announcement",
    tag = "announcements",
    responses((status = OK, description = "The announcement is deleted.", body = Done), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn delete(operator: Operator, Name(name): Name) -> Result<Reply<Done>, Problem> {
    setting::delete::<Announcement>(operator, name).await
}
