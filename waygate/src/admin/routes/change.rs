//! What all changes of a route have in common.

use ipnet::IpNet;
use serde::Serialize;
use waygate_core::{
    Timestamp,
    grammar::{Interval, Invalid, parse_cidr, parse_instant},
    model::Revision,
    transition::RouteCommand,
};

use crate::{
    RouteRecord, Waygate,
    admin::{author::Author, key::PathKey, state::AdminState},
    rest::{Problem, ProblemKind, Reply, entity_tag},
};

/// A route as the interface shows it.
#[derive(Debug, Serialize)]
pub(super) struct RouteBody {
    #[serde(flatten)]
    record: RouteRecord,
    etag: String,
}

impl From<RouteRecord> for RouteBody {
    fn from(record: RouteRecord) -> Self {
        let etag = entity_tag(record.revision);
        Self { record, etag }
    }
}

pub(super) type Changed = Result<Reply<RouteBody>, Problem>;

/// Runs a command on a route.
pub(super) async fn change(
    state: &AdminState,
    author: Author,
    PathKey(key): PathKey,
    command: RouteCommand,
) -> Changed {
    let operator = author.expecting(|| revision_of(&state.waygate, &key))?;
    match operator.apply(&key, command).await {
        Ok(record) => Ok(shown(record)),
        Err(error) => Err(with_current(error.into(), || {
            revision_of(&state.waygate, &key)
        })),
    }
}

/// A route with its tag.
pub(super) fn shown(record: RouteRecord) -> Reply<RouteBody> {
    let revision = record.revision;
    Reply::tagged(record.into(), revision)
}

/// Tells whoever lost a race what there is now.
pub(super) fn with_current(
    problem: Problem,
    current: impl FnOnce() -> Result<Revision, Problem>,
) -> Problem {
    match problem.kind() {
        ProblemKind::PreconditionFailed => current().map_or_else(|other| other, Problem::lost_race),
        _ => problem,
    }
}

fn revision_of(waygate: &Waygate, key: &str) -> Result<Revision, Problem> {
    Ok(waygate.route(key)?.revision)
}

/// The span between two instants of which the client says only that they are `start` and `end`.
pub(super) fn interval(start: &str, end: &str) -> Result<Interval, Problem> {
    match (parse_instant(start), parse_instant(end)) {
        (Ok(start), Ok(end)) => Ok(Interval::new(start, end)?),
        (Err(invalid), _) | (_, Err(invalid)) => Err(no_instant(&invalid)),
    }
}

/// One of the two, where either may be missing.
pub(super) fn instant(text: Option<String>) -> Result<Option<Timestamp>, Problem> {
    let given = text.filter(|text| !text.is_empty());
    let instant = given.as_deref().map(parse_instant).transpose();
    instant.map_err(|invalid| no_instant(&invalid))
}

/// The networks in a field of the body.
pub(super) fn networks(field: &str, texts: &[String]) -> Result<Vec<IpNet>, Problem> {
    let parsed = texts.iter().enumerate().map(|(at, text)| {
        parse_cidr(text).map_err(|invalid| {
            Problem::new(
                ProblemKind::InvalidValue,
                format!("{field}[{at}]: {invalid}"),
            )
        })
    });
    parsed.collect()
}

fn no_instant(invalid: &Invalid) -> Problem {
    let error = "Invalid datetime for start/end";
    Problem::new(ProblemKind::InvalidValue, error).detail(invalid.to_string())
}
