//! The idempotency key of a request, which its first commit writes: no process makes the change of a key twice.
//!
//! The claim travels with the task of the request, as a span of `tracing` does, since every commit of the request belongs
//! to it.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use waygate_core::{
    Printable, Timestamp,
    model::Revision,
    port::{BackendError, Batch, CommitError, EntityKey, Expected},
};

use super::{
    Inner,
    kinds::{IdempotencyKeys, KeptResponse, KeyedRequest},
    store::{Collection, Kind, json},
    stored::Stored,
};

/// The most keys in a store. The oldest are deleted.
const MAX_KEYS: usize = 2_000;
/// The most keys that one commit deletes.
const MAX_DELETES: usize = 100;
/// The most bytes of a response in the store, and of all of them.
const MAX_RESPONSE: usize = 4 * 1024;
const MAX_RESPONSES: usize = 1024 * 1024;

tokio::task_local! {
    static CURRENT: Claim;
}

/// The key of a request that runs.
#[derive(Debug, Clone)]
pub(crate) struct Claim(Arc<State>);

#[derive(Debug)]
struct State {
    key: Box<str>,
    request: KeyedRequest,
    /// The number of the commit with the key; 0 without one.
    taken: AtomicU64,
    lost: AtomicBool,
}

impl Claim {
    /// Creates the claim of a request on a key.
    pub(crate) fn new(key: Box<str>, request: KeyedRequest) -> Self {
        Self(Arc::new(State {
            key,
            request,
            taken: AtomicU64::new(0),
            lost: AtomicBool::new(false),
        }))
    }

    /// The name of the key in the store.
    pub(crate) fn key(&self) -> &str {
        &self.0.key
    }

    /// Runs the request.
    pub(crate) async fn scope<F: Future>(self, request: F) -> F::Output {
        CURRENT.scope(self, request).await
    }

    /// Returns `true` if a commit of the request has written the key.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.taken.load(Ordering::Acquire) > 0
    }

    /// Returns `true` if another request has written the key. This one has changed nothing.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.lost.load(Ordering::Acquire) && !self.is_taken()
    }

    fn lose(&self) {
        self.0.lost.store(true, Ordering::Release);
    }
}

/// Continues the request of this task in another one.
pub(crate) fn inherit<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let claim = CURRENT.try_with(Claim::clone).ok();
    async move {
        match claim {
            Some(claim) => claim.scope(future).await,
            None => future.await,
        }
    }
}

/// Adds the key of the request of this task to its first commit.
pub(super) fn join(
    stored: &Stored,
    batch: &mut Batch,
    now: Timestamp,
) -> Result<Option<Claim>, CommitError> {
    let claim = CURRENT.try_with(Claim::clone).ok();
    let Some(claim) = claim.filter(|claim| !claim.is_taken()) else {
        return Ok(None);
    };
    let (key, known) = (&claim.0.key, &stored.records.idempotency_keys);
    if known
        .get(key)
        .is_some_and(|known| !known.value.is_expired(now))
    {
        claim.lose();
        let cause = "another request has used the idempotency key in the meantime";
        return Err(BackendError::Unavailable(cause.to_owned()).into());
    }
    let entity = IdempotencyKeys::entity(key);
    let expected = stored.expected::<IdempotencyKeys>(key);
    // The first one that fails is reported.
    batch.expected.insert(0, (entity.clone(), expected));
    let deleted = superfluous(known, now).into_iter();
    batch
        .deletes
        .extend(deleted.filter(|other| *other != entity));
    batch.puts.push((entity, json(&claim.0.request)));
    Ok(Some(claim))
}

/// The expired keys, and the oldest of too many.
fn superfluous(known: &Collection<IdempotencyKeys>, now: Timestamp) -> Vec<EntityKey> {
    let mut keys: Vec<_> = known.iter().collect();
    keys.sort_by_key(|(_, known)| known.value.at);
    let excess = (keys.len() + 1).saturating_sub(MAX_KEYS);
    let old = keys.into_iter().enumerate();
    let old = old.filter(|(nth, (_, known))| *nth < excess || known.value.is_expired(now));
    let old = old.map(|(_, (key, _))| IdempotencyKeys::entity(key));
    old.take(MAX_DELETES).collect()
}

/// Notes the outcome of the commit with the key.
pub(super) fn note(claim: Option<Claim>, outcome: &Result<Revision, CommitError>) {
    let Some(claim) = claim else {
        return;
    };
    match outcome {
        Ok(revision) => claim.0.taken.store(revision.number, Ordering::Release),
        Err(CommitError::Conflict { key, .. }) if *key == IdempotencyKeys::entity(&claim.0.key) => {
            claim.lose();
        }
        Err(_) => {}
    }
}

impl Inner {
    /// The request of a key that this process knows.
    pub(crate) fn keyed_request(&self, key: &str, now: Timestamp) -> Option<Arc<KeyedRequest>> {
        let snapshot = self.snapshot.load();
        let known = snapshot.records.idempotency_keys.get(&key.into())?;
        (!known.value.is_expired(now)).then(|| known.value.clone())
    }

    /// The request of a key in the store.
    pub(crate) async fn stored_keyed_request(
        &self,
        key: &str,
    ) -> Result<Option<Arc<KeyedRequest>>, BackendError> {
        let mut stored = self.stored.lock().await;
        self.reload(&mut stored).await?;
        let known = stored.records.idempotency_keys.get(&key.into());
        Ok(known.map(|known| known.value.clone()))
    }

    /// Writes the response of a request beside its key, unless it is too large.
    pub(crate) async fn keep_response(self: &Arc<Self>, claim: &Claim, response: KeptResponse) {
        let State {
            key,
            request,
            taken,
            ..
        } = &*claim.0;
        let revision = taken.load(Ordering::Acquire);
        if revision == 0 || response.body.len() > MAX_RESPONSE || self.is_full() {
            return;
        }
        let request = KeyedRequest {
            response: Some(response),
            ..request.clone()
        };
        let entity = IdempotencyKeys::entity(key);
        let batch = Batch::new()
            .expect(entity.clone(), Expected::Revision(revision))
            .put(entity, json(&request));
        // The change is made and its key is known, also without the response.
        if let Err(error) = self.write_entities(batch).await {
            tracing::debug!(error = %Printable(&error), "a response with an idempotency key is not kept");
        }
    }

    fn is_full(&self) -> bool {
        let snapshot = self.snapshot.load();
        let known = snapshot.records.idempotency_keys.iter();
        let responses = known.filter_map(|(_, known)| known.value.response.as_ref());
        let bytes: usize = responses.map(|response| response.body.len()).sum();
        bytes >= MAX_RESPONSES
    }
}
