use std::{io::Write, sync::Arc};

use axum::{
    extract::{OriginalUri, Path, Query, Request, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::{
    configuration::{Configuration, Version},
    evaluation::{is_visible, outcome},
    failure::{Failure, json},
    request::{Asked, Params},
    state::State,
    ticket::{self, Ticket},
    work,
};
use crate::openapi::{fingerprint, is_known};

/// The metadata of an event that a request follows. Those of other servers are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Follows {
    flag_config_etag: Option<String>,
}

/// Evaluates all flags that the token may see.
pub(super) async fn bulk(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    path: Result<Path<Params>, PathRejection>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    let outcome = respond(&state, path, uri.path(), request).await;
    outcome.unwrap_or_else(IntoResponse::into_response)
}

/// Returns the tags of the evaluations that the client has. `*` is none of them: it is about a resource that exists
/// (RFC 9110, section 13.1.2), and a client with any other evaluation has not this one.
fn known(headers: &HeaderMap) -> HeaderMap {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter();
    let tags = tags.filter(|tag| tag.as_bytes().trim_ascii() != b"*");
    tags.map(|tag| (header::IF_NONE_MATCH, tag.clone()))
        .collect()
}

async fn respond(
    state: &Arc<State>,
    path: Result<Path<Params>, PathRejection>,
    own: &str,
    request: Request,
) -> Result<Response, Failure> {
    let follows = Query::<Follows>::try_from_uri(request.uri());
    let known = known(request.headers());
    let asked = Asked::read(path, request, state).await?;
    if let Ok(Query(Follows {
        flag_config_etag: Some(etag),
    })) = follows
        && let Ok(version) = etag.parse::<Version>()
        && !state.fresh.reach(&state.waygate, version.revision).await
    {
        return Err(Failure::not_yet_here());
    }
    state.check_known()?;
    let (state, own) = (state.clone(), own.to_owned());
    let bytes = asked.body.len();
    work::evaluate(bytes, move || answer(&state, &asked, &known, &own)).await
}

fn answer(state: &State, asked: &Asked, known: &HeaderMap, own: &str) -> Result<Response, Failure> {
    let configuration = state.configurations.current(&state.waygate);
    // The tag covers the flags themselves only if they change with time; otherwise it is known without them.
    let changing = match configuration.reads_clock {
        true => Some(flags(state, &configuration, asked)?),
        false => None,
    };
    let tag = tag(
        state,
        &configuration,
        asked,
        changing.as_deref().unwrap_or_default(),
    );
    let mut response = if is_known(known, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut body = match changing {
            Some(flags) => flags,
            None => flags(state, &configuration, asked)?,
        };
        body.extend(about(state, &configuration, asked, own)?);
        json(StatusCode::OK, body)
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// The start of the body, up to the end of the flags.
fn flags(state: &State, configuration: &Configuration, asked: &Asked) -> Result<Vec<u8>, Failure> {
    let (audience, clock) = (asked.grant.audience, &*state.waygate.inner.clock);
    let mut body = Vec::with_capacity(128 * (configuration.flags.len() + 1));
    body.extend(b"{\"flags\":[");
    let visible = configuration.flags.iter();
    let visible = visible.filter(|flag| is_visible(flag, audience));
    for (at, flag) in visible.enumerate() {
        if at > 0 {
            body.push(b',');
        }
        // A provider fetches flags without using them, so that counts nothing.
        let resolution = configuration.set.preview_flag(flag, &asked.context, clock);
        let written = match outcome(flag, &resolution, audience) {
            Ok(success) => serde_json::to_writer(&mut body, &success),
            Err(failure) => serde_json::to_writer(&mut body, &failure),
        };
        written.map_err(|_| Failure::internal())?;
    }
    body.push(b']');
    Ok(body)
}

/// The tag covers flags that change with time, the configuration, the context, and the period of the ticket.
fn tag(state: &State, configuration: &Configuration, asked: &Asked, flags: &[u8]) -> String {
    let mut covered = Vec::with_capacity(64);
    // Writing to memory does not fail.
    let _ = write!(
        covered,
        "{:x} {:x} {:x} {} {:?} {:x}",
        fingerprint(flags),
        fingerprint(&asked.body),
        configuration.edition(asked.grant.audience).fingerprint,
        ticket::period(state.waygate.inner.clock.now()),
        asked.grant.audience,
        // The ticket in the body is that of the token.
        u64::from_be_bytes(asked.grant.digest.id()),
    );
    format!("\"{:032x}\"", fingerprint(&covered))
}

/// The rest of the body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct About<'a> {
    metadata: SetMetadata<'a>,
    event_streams: [EventStream; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SetMetadata<'a> {
    /// The environment.
    flag_set_id: &'a str,
    version: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventStream {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    at: Location,
    inactivity_delay_sec: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Location {
    Url(String),
    #[serde(rename_all = "camelCase")]
    Endpoint {
        request_uri: String,
    },
}

/// Pages that are hidden for so long close their stream. The default of the protocol.
const INACTIVITY_SECONDS: u32 = 120;

fn about(
    state: &State,
    configuration: &Configuration,
    asked: &Asked,
    path: &str,
) -> Result<Vec<u8>, Failure> {
    let digest = &asked.grant.digest;
    let now = state.waygate.inner.clock.now();
    let fingerprint = configuration.edition(asked.grant.audience).fingerprint;
    let ticket = Ticket::new(digest.id(), fingerprint, now).sign(digest);
    let about = About {
        metadata: SetMetadata {
            flag_set_id: state.waygate.inner.env.as_str(),
            version: format!("{fingerprint:016x}"),
        },
        event_streams: [EventStream {
            kind: "sse",
            at: location(state, path, &ticket),
            inactivity_delay_sec: INACTIVITY_SECONDS,
        }],
    };
    let mut text = serde_json::to_vec(&about).map_err(|_| Failure::internal())?;
    // It continues the object of the flags.
    if let Some(brace) = text.first_mut() {
        *brace = b',';
    }
    Ok(text)
}

/// The address of the stream, next to the path of this request.
fn location(state: &State, path: &str, ticket: &str) -> Location {
    let below = path.strip_suffix("/evaluate/flags").unwrap_or(path);
    match &state.public_url {
        None => Location::Endpoint {
            request_uri: format!("{below}/events?ticket={ticket}"),
        },
        Some(base) => {
            // The prefix of the mount is the base URL; that of the environment stays.
            let own = below
                .rfind("/ofrep-env/")
                .map_or("/ofrep/v1", |at| &below[at..]);
            Location::Url(format!("{base}{own}/events?ticket={ticket}"))
        }
    }
}
