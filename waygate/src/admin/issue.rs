//! Giving out tokens.

use serde_json::json;
use waygate_core::{
    Printable, Secret,
    model::{Action, AuditEntry, Origin},
    port::{Batch, EntityKey, Expected},
};

use super::{
    auth::{Gate, Network, Record, TokenHash, generate, remember},
    error::{Kind, Problem},
    state::AdminState,
};
use crate::engine::audit_entry;

/// How many tokens one user may have on one platform. Of logins, those that end first make room.
pub(crate) const MAX_TOKENS: usize = 1_000;

/// Makes a token for `record`, and stores its hash. Tokens that have run out are forgotten on the way.
///
/// `from` is the network that a password came from, to be known from now on.
pub(crate) async fn issue(
    state: &AdminState,
    mut record: Record,
    action: Action,
    origin: &Origin,
    reason: String,
    from: Option<Network>,
) -> Result<(Secret<String>, Record), Problem> {
    let Gate::Accounts(accounts) = &state.gate else {
        return Err(not_configured());
    };
    let inner = &state.waygate.inner;
    let tokens = state.tokens.current(inner);
    let binding = state.bindings.of(accounts, &record.username, &tokens).await;
    record.binding = Some(binding.map_err(no_token)?);
    let token = generate().map_err(no_token)?;
    let hash = TokenHash::of(token.expose());
    let entity = hash.entity();
    let audit = AuditEntry {
        new: Some(json!({ "token": hash.id().to_string(), "scopes": record.scopes })),
        ..line(state, action, origin, &record.username, reason)
    };
    let value = serde_json::to_value(&record).unwrap_or_default();
    let mut batch = Batch {
        expected: vec![(entity.clone(), Expected::Absent)],
        puts: vec![(entity, value)],
        deletes: to_forget(state, &record),
        audit: vec![audit],
        ..Batch::default()
    };
    if let Some(network) = from {
        let logins = inner.snapshot.load().records.logins.clone();
        let (known, forgotten) = remember(&logins, &record.username, network, record.created_at);
        batch.puts.extend(known);
        batch.deletes.extend(forgotten);
    }
    inner.write_entities(batch).await?;
    Ok((token, record))
}

fn no_token(error: impl std::fmt::Display) -> Problem {
    tracing::error!(error = %Printable(error), "no token can be made");
    Problem::new(Kind::Unavailable, "No token can be made now.").retry_after(5)
}

/// Tokens that have run out, and those that have to make room for one more login.
fn to_forget(state: &AdminState, record: &Record) -> Vec<EntityKey> {
    let inner = &state.waygate.inner;
    let (tokens, now) = (state.tokens.current(inner), inner.clock.now());
    let mut forgotten = tokens.expired(now);
    let mut logins: Vec<_> = tokens
        .iter()
        .filter(|token| token.record.expires_at > now && token.record.is_like(record))
        .collect();
    if record.name.is_none() && logins.len() >= MAX_TOKENS {
        logins.sort_by_key(|token| token.record.expires_at);
        let excess = logins.len() + 1 - MAX_TOKENS;
        forgotten.extend(logins[..excess].iter().map(|token| token.hash.entity()));
    }
    forgotten
}

/// A line for the audit log about a user.
pub(crate) fn line(
    state: &AdminState,
    action: Action,
    origin: &Origin,
    user: &str,
    reason: String,
) -> AuditEntry {
    let now = state.waygate.inner.clock.now();
    AuditEntry {
        reason,
        ..audit_entry(origin, action, &format!("auth:{user}"), now)
    }
}

pub(crate) fn not_configured() -> Problem {
    Problem::new(Kind::NotConfigured, "Auth not configured on this server")
}
