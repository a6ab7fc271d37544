use std::sync::Arc;

use super::{PermitId, PermitRequest};
use crate::engine::limits::Counters;

/// A permit that is requested or held. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct PermitGuard {
    counters: Arc<Counters>,
    id: PermitId,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The store did not respond: it may have granted the permit.
    Requested,
    Held,
    Refused,
}

impl PermitGuard {
    pub(super) fn request(counters: &Arc<Counters>, request: PermitRequest) -> Self {
        let PermitRequest { limit, key } = request;
        let holder = counters.permits.next_holder();
        Self {
            counters: counters.clone(),
            id: PermitId { limit, key, holder },
            state: State::Requested,
        }
    }

    pub(super) fn id(&self) -> &PermitId {
        &self.id
    }

    /// The runtime of the engine's tasks.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        self.counters.runtime()
    }

    pub(super) fn grant(&mut self) {
        self.state = State::Held;
        self.id.limit.stats.enter();
        if self.counters.shared.is_some() {
            self.counters.permits.add(&self.id);
        }
    }

    /// The store refused the permit, so there is none to release.
    pub(super) fn refuse(&mut self) {
        self.state = State::Refused;
    }
}

impl Drop for PermitGuard {
    fn drop(&mut self) {
        let Self {
            counters,
            id,
            state,
        } = self;
        if *state == State::Refused {
            return;
        }
        if *state == State::Held {
            id.limit.stats.leave();
            counters.local.release_at(&id.local(0));
        }
        if counters.shared.is_some() {
            counters.permits.remove(id);
            let (counters, id) = (counters.clone(), id.clone());
            let runtime = counters.runtime().clone();
            runtime.spawn(async move { counters.release(&id).await });
        }
    }
}
