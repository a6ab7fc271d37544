//! List, get, set and delete for all kinds of settings.

use axum::response::Response;
use serde::Serialize;
use waygate_core::{grammar::PolicyName, model::Revision, view::Done};

use super::{searched::Searched, state::AdminState};
use crate::{
    Operator, Waygate,
    engine::{Holds, Kind, Records, Setting, Versioned},
    rest::{Listing, Problem, ProblemKind, Reply, done},
};

/// The form of a setting in responses.
pub(super) trait Shown: Serialize {
    type Kind: Setting;

    /// The noun in error texts.
    const NOUN: &'static str;

    fn new(name: &PolicyName, value: &<Self::Kind as Kind>::Value) -> Self;

    /// The strings that a list is searched by.
    fn searched(&self) -> Vec<&str>;
}

/// Lists the settings of a kind, by name.
pub(super) fn list<V: Shown>(
    state: &AdminState,
    Listing { filters, page }: &Listing<Searched>,
) -> Response
where
    Records: Holds<V::Kind>,
{
    let snapshot = state.waygate.inner.snapshot.load();
    let known = Holds::<V::Kind>::collection(&snapshot.records).iter();
    let shown: Vec<V> = known
        .map(|(name, known)| V::new(name, &known.value))
        .filter(|shown| filters.finds(shown.searched()))
        .collect();
    page.of(&shown, snapshot.revision)
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
