//! The members that all changes may have.

use serde_json::{Map, Value};
use waygate_core::{
    grammar::ServiceName,
    model::{LimitScope, RouteKey},
};

use crate::{
    ResolveError,
    rest::{Problem, ProblemKind, kind_of},
};

/// Takes a member that is a string.
pub(super) fn take(
    members: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<String>, Problem> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            let kind = kind_of(&other);
            let text = format!("{name}: invalid type: {kind}, expected a string");
            Err(Problem::new(ProblemKind::InvalidBody, text))
        }
    }
}

fn required(members: &mut Map<String, Value>, name: &str) -> Result<String, Problem> {
    take(members, name)?.ok_or_else(|| {
        let text = format!("missing field `{name}`");
        Problem::new(ProblemKind::InvalidBody, text)
    })
}

/// Takes the route of a change.
pub(super) fn route(members: &mut Map<String, Value>) -> Result<RouteKey, Problem> {
    let text = required(members, "route")?;
    text.parse().map_err(|invalid| {
        let error = ResolveError::Invalid(invalid);
        Problem::new(ProblemKind::InvalidValue, format!("route: {error}"))
    })
}

/// Takes the service of a change.
pub(super) fn service(members: &mut Map<String, Value>) -> Result<LimitScope, Problem> {
    let text = required(members, "service")?;
    let service: ServiceName = text.parse().map_err(|invalid| {
        Problem::new(ProblemKind::InvalidValue, format!("service: {invalid}"))
    })?;
    Ok(LimitScope::Service(service))
}
