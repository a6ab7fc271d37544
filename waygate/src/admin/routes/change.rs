//! Runs commands on routes, and reads the values in their bodies.

use ipnet::IpNet;
use waygate_core::{
    Timestamp,
    grammar::{Interval, Invalid, parse_cidr, parse_instant},
    transition::RouteCommand,
    view::Route,
};

use crate::{
    Operator,
    admin::key::PathKey,
    model::RouteRecord,
    rest::{Problem, ProblemKind, Reply, RequestBody},
};

/// A request body that is a command on a route.
pub(super) trait RouteBody: RequestBody {
    fn command(self) -> Result<RouteCommand, Problem>;
}

pub(super) type Changed = Result<Reply<Route>, Problem>;

/// Runs a command on a route.
pub(super) async fn change(
    operator: Operator,
    PathKey(key): PathKey,
    command: RouteCommand,
) -> Changed {
    Ok(shown(operator.run(key, command).await?))
}

/// Runs the command of a body on a route.
pub(super) async fn change_by(operator: Operator, key: PathKey, body: impl RouteBody) -> Changed {
    change(operator, key, body.command()?).await
}

/// Responds with a route.
pub(super) fn shown(record: RouteRecord) -> Reply<Route> {
    let revision = record.revision;
    Reply::ok(record.into()).with_tag(revision)
}

/// The interval between the fields `start` and `end`.
pub(super) fn interval(start: &str, end: &str) -> Result<Interval, Problem> {
    match (parse_instant(start), parse_instant(end)) {
        (Ok(start), Ok(end)) => Ok(Interval::new(start, end)?),
        (Err(invalid), _) | (_, Err(invalid)) => Err(no_instant(&invalid)),
    }
}

/// One of these fields, where either may be missing.
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
