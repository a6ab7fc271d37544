//! Evaluations as they happen, as Server-Sent Events.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{Response, sse::Event},
};
use futures_util::{Stream, StreamExt};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::flag::{ErrorCode, FlagKey, Reason};

use crate::{
    Waygate,
    admin::{responses::ReadBounded, revoked::revoked, state::AdminState},
    auth::Principal,
    engine::{FlagEvaluation, Observed},
    http::Heartbeat,
    rest::{Problem, ProblemKind},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// The longest stream. Clients connect again.
const LIFETIME: Duration = Duration::from_secs(600);

/// The data of an event `evaluation`.
#[derive(Debug, Serialize, ToSchema)]
struct Evaluation {
    /// The key of the flag.
    flag_key: FlagKey,
    /// The name of the variation; `null` if an error left no result.
    variation: Option<String>,
    /// The reason, in the words of OpenFeature.
    reason: Reason,
    /// The id of the rule that matched.
    rule_id: Option<String>,
    /// The error.
    error: Option<ErrorCode>,
    /// The subject, hashed with a secret of the process, as 16 hexadecimal digits; `null` without a key.
    subject: Option<String>,
    /// The number of evaluations since the last event that were left out.
    skipped: u64,
}

impl From<&FlagEvaluation> for Evaluation {
    fn from(seen: &FlagEvaluation) -> Self {
        Self {
            flag_key: seen.flag_key.clone(),
            variation: seen.variation.clone(),
            reason: seen.reason,
            rule_id: seen.rule_id.clone(),
            error: seen.error,
            subject: seen.subject.clone(),
            skipped: seen.skipped,
        }
    }
}

/// Streams evaluations in this process: a sample of at most a hundred a second, as Server-Sent Events.
///
/// An event `evaluation` has one evaluation. An event `missed` has the number of those that the client was too slow for:
/// `{"count": 12}`. The stream ends after ten minutes; connect again. It also ends when the token is revoked or expires.
#[utoipa::path(
    get,
    path = "/api/flag-evaluations",
    operation_id = "follow_flag_evaluations",
    tag = "flags",
    responses(
        (status = OK, description = "The stream.", body = Evaluation, content_type = "text/event-stream"),
        ReadBounded
    ),
    security(("token" = ["read"]))
)]
async fn follow(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
) -> Result<Response, Problem> {
    let events = || events(&state.waygate).take_until(revoked(&state, principal.token));
    let response = state.streams.respond(None, Heartbeat::Comment, events);
    match response.status() {
        StatusCode::SERVICE_UNAVAILABLE => {
            let error = "Too many streams are open. Try again later.";
            Err(Problem::new(ProblemKind::Unavailable, error).retry_after(30))
        }
        _ => Ok(response),
    }
}

fn events(waygate: &Waygate) -> impl Stream<Item = Event> + use<> {
    let events = waygate.flag_evaluations().map(|seen| {
        let (name, data) = match &seen {
            Observed::Item(seen) => ("evaluation", json!(Evaluation::from(seen))),
            Observed::Missed(count) => ("missed", json!({ "count": count })),
        };
        Event::default().event(name).data(data.to_string())
    });
    events.take_until(tokio::time::sleep(LIFETIME))
}
