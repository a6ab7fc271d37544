//! Ends streams when their token expires or is revoked.

use std::{
    future::pending,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{sync::watch, time::sleep};

use waygate_core::view::TokenScope;

use super::state::AdminState;
use crate::auth::TokenId;

/// The interval of the checks between changes of the state: a token may expire, and the file of users may change.
const INTERVAL: Duration = Duration::from_secs(2);

/// Resolves when the token of a request may no longer read everything: it is revoked or has expired, or its user has
/// other rights. Never resolves without a token. Does not keep the engine alive.
pub(super) fn revoked(
    state: &Arc<AdminState>,
    token: Option<TokenId>,
) -> impl Future<Output = ()> + Send + use<> {
    let versions = state.waygate.inner.channels.versions();
    let state = Arc::downgrade(state);
    async move {
        match token {
            Some(token) => follow(state, token, versions).await,
            None => pending().await,
        }
    }
}

async fn follow(state: Weak<AdminState>, token: TokenId, mut versions: watch::Receiver<u64>) {
    // A change between the check of the request and now is not missed.
    versions.mark_changed();
    loop {
        tokio::select! {
            // Fails when the engine is dropped or shut down.
            changed = versions.changed() => if changed.is_err() {
                return;
            },
            () = sleep(INTERVAL) => {}
        }
        let Some(state) = state.upgrade() else {
            return;
        };
        let owner = state.auth.owner(token).await;
        if !owner.is_some_and(|owner| owner.may_everywhere(TokenScope::Read)) {
            return;
        }
    }
}
