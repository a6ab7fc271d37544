//! List, get, set and delete for all kinds of settings.

use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;
use waygate_core::{grammar::PolicyName, model::Revision, view::Done};

use super::state::AdminState;
use crate::{
    Operator, Waygate,
    engine::{Holds, Kind, Records, Setting, Versioned},
    rest::{Problem, ProblemKind, Reply, done, list_response},
};

/// The form of a setting in responses.
pub(super) trait Shown: Serialize {
    type Kind: Setting;

    /// The noun in error texts.
    const NOUN: &'static str;

    fn new(name: &PolicyName, value: &<Self::Kind as Kind>::Value) -> Self;
}

/// Lists the settings of a kind, by name.
pub(super) fn list<V: Shown>(state: &AdminState, headers: &HeaderMap) -> Response
where
    Records: Holds<V::Kind>,
{
    let snapshot = state.waygate.inner.snapshot.load();
    let known = Holds::<V::Kind>::collection(&snapshot.records).iter();
    let shown: Vec<V> = known
        .map(|(name, known)| V::new(name, &known.value))
        .collect();
    list_response(&shown, snapshot.revision, headers)
}

/// Shows a setting.
pub(super) fn get<V: Shown>(state: &AdminState, name: &PolicyName) -> Result<Reply<V>, Problem>
where
    Records: Holds<V::Kind>,
{
    let (known, revision) = find::<V::Kind>(&state.waygate, name).ok_or_else(|| none::<V>(name))?;
    Ok(Reply::ok(V::new(name, &known.value)).with_tag(revision))
}

/// Sets a setting.
pub(super) async fn set<V: Shown>(
    operator: Operator,
    name: PolicyName,
    value: <V::Kind as Kind>::Value,
) -> Result<Reply<V>, Problem>
where
    Records: Holds<V::Kind>,
{
    let shown = V::new(&name, &value);
    let revision = change::<V>(&operator, name, Some(value)).await?;
    Ok(Reply::ok(shown).with_tag(revision))
}

/// Deletes a setting, which must exist.
pub(super) async fn delete<V: Shown>(
    operator: Operator,
    name: PolicyName,
) -> Result<Reply<Done>, Problem>
where
    Records: Holds<V::Kind>,
{
    change::<V>(&operator, name, None).await?;
    Ok(done())
}

async fn change<V: Shown>(
    operator: &Operator,
    name: PolicyName,
    value: Option<<V::Kind as Kind>::Value>,
) -> Result<Revision, Problem>
where
    Records: Holds<V::Kind>,
{
    let changed = operator
        .change_setting::<V::Kind>(name.clone(), value)
        .await;
    changed?.ok_or_else(|| none::<V>(&name))
}

/// Returns a setting, and the commit that wrote it.
fn find<K: Setting>(waygate: &Waygate, name: &PolicyName) -> Option<(Versioned<K::Value>, Revision)>
where
    Records: Holds<K>,
{
    let snapshot = waygate.inner.snapshot.load();
    let known = Holds::<K>::collection(&snapshot.records).get(name)?.clone();
    let revision = Revision {
        number: known.revision,
        ..snapshot.revision
    };
    Some((known, revision))
}

fn none<V: Shown>(name: &PolicyName) -> Problem {
    let text = format!("There is no {} `{name}`.", V::NOUN);
    Problem::new(ProblemKind::NotFound, text)
}
