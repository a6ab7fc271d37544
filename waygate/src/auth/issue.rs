use serde_json::json;
use waygate_core::{
    Printable, Secret,
    model::{Action, Origin},
    port::{Batch, CommitError, EntityKey, Expected},
};

use super::{
    authenticator::Authenticator,
    known::remember,
    network::Network,
    token::{Record, Token, TokenHash, generate},
};
use crate::rest::{Problem, ProblemKind};

/// The most tokens of one user on one platform. A login evicts those that expire first.
const MAX_TOKENS: usize = 1_000;

/// A record that is deleted with the issue of a token, so that there is one token for it.
#[derive(Debug)]
pub(super) struct Consumed {
    pub(super) entity: EntityKey,
    pub(super) revision: u64,
    /// A record of this revision without which there is no token.
    pub(super) needs: (EntityKey, u64),
}

impl Authenticator {
    /// Issues a token with a name given by a user.
    ///
    /// # Errors
    /// 409 if the user has too many tokens already.
    pub(crate) async fn create(
        &self,
        record: Record,
        origin: &Origin,
    ) -> Result<(Secret<String>, Record), Problem> {
        let tokens = self.tokens();
        let same = tokens.iter().filter(|token| token.record.is_like(&record));
        if same.count() >= MAX_TOKENS {
            let text = format!("There are {MAX_TOKENS} tokens already; revoke some first.");
            return Err(Problem::new(ProblemKind::Conflict, text));
        }
        let reason = record.name.clone().unwrap_or_default();
        self.issue(record, Action::TokenCreated, origin, reason, None, None)
            .await
    }

    /// Issues a token for `record`, and stores its hash. Also deletes expired tokens.
    ///
    /// `from` is the network of the password, which is known from now on. `consumed` is what the token replaces.
    pub(super) async fn issue(
        &self,
        mut record: Record,
        action: Action,
        origin: &Origin,
        reason: String,
        from: Option<Network>,
        consumed: Option<Consumed>,
    ) -> Result<(Secret<String>, Record), Problem> {
        let accounts = self.accounts()?;
        let tokens = self.tokens();
        if !record.is_external {
            let binding = self.bindings.of(&accounts, &record.username, &tokens).await;
            record.binding = Some(binding.map_err(no_token)?);
        }
        let token = generate().map_err(no_token)?;
        let hash = TokenHash::of(token.expose());
        let entity = hash.entity();
        let mut audit = self.line(action, origin, &record.username, reason);
        let mut issued = json!({ "token": hash.id().to_string(), "scopes": record.scopes });
        if let Some(names) = record.services.names() {
            issued["services"] = json!(names);
        }
        audit.new = Some(issued);
        let value = serde_json::to_value(&record).unwrap_or_default();
        let mut batch = Batch::new()
            .expect(entity.clone(), Expected::Absent)
            .put(entity, value)
            .audit(audit);
        batch.deletes = self.to_delete(&record);
        if let Some(Consumed {
            entity,
            revision,
            needs: (needed, known),
        }) = consumed
        {
            batch = batch
                .expect(needed, Expected::Revision(known))
                .expect(entity.clone(), Expected::Revision(revision))
                .delete(entity);
        }
        if let Some(network) = from {
            let logins = self.waygate.inner.snapshot.load().records.logins.clone();
            let (known, deleted) = remember(&logins, &record.username, network, record.created_at);
            batch.puts.extend(known);
            batch.deletes.extend(deleted);
        }
        self.write(batch).await.map_err(|error| match error {
            CommitError::Conflict { .. } => {
                let text = "What the token replaces has changed.";
                Problem::new(ProblemKind::Conflict, text)
            }
            error => error.into(),
        })?;
        Ok((token, record))
    }

    /// Revokes a token.
    pub(crate) async fn revoke(
        &self,
        token: &Token,
        action: Action,
        origin: &Origin,
    ) -> Result<(), Problem> {
        let record = &token.record;
        let name = match action {
            Action::Logout => String::new(),
            _ => record.name.clone().unwrap_or_default(),
        };
        let batch = Batch::new().delete(token.hash.entity()).audit(self.line(
            action,
            origin,
            &record.username,
            name,
        ));
        Ok(self.write(batch).await?)
    }

    /// Revokes these logins of a user.
    pub(crate) async fn revoke_logins(
        &self,
        user: &str,
        logins: impl Iterator<Item = &Token>,
        origin: &Origin,
    ) -> Result<(), Problem> {
        let deletes: Vec<EntityKey> = logins.map(|token| token.hash.entity()).collect();
        if deletes.is_empty() {
            return Ok(());
        }
        let reason = format!("all logins: {}", deletes.len());
        let mut batch = Batch::new().audit(self.line(Action::TokenRevoked, origin, user, reason));
        batch.deletes = deletes;
        Ok(self.write(batch).await?)
    }

    /// Expired tokens, and those that one more login evicts.
    fn to_delete(&self, record: &Record) -> Vec<EntityKey> {
        let (tokens, now) = (self.tokens(), self.waygate.inner.clock.now());
        let mut deleted = tokens.expired(now);
        let mut logins: Vec<_> = tokens
            .iter()
            .filter(|token| token.record.expires_at > now && token.record.is_like(record))
            .collect();
        if record.name.is_none() && logins.len() >= MAX_TOKENS {
            logins.sort_by_key(|token| token.record.expires_at);
            let excess = logins.len() + 1 - MAX_TOKENS;
            deleted.extend(logins[..excess].iter().map(|token| token.hash.entity()));
        }
        deleted
    }
}

fn no_token(error: impl std::fmt::Display) -> Problem {
    tracing::error!(error = %Printable(error), "cannot create a token");
    Problem::new(
        ProblemKind::Unavailable,
        "Tokens cannot be created at the moment.",
    )
    .retry_after(5)
}
