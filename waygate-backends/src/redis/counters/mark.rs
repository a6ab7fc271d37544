//! Notices that Redis has lost the counters: it was emptied, or is another one.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use redis::{Cmd, Value};
use tokio::{sync::Mutex, time::timeout};
use waygate_core::Printable;

use super::{
    super::link::{Call, LinkError, Permits},
    scripts,
    store::Shared,
};

/// How long the mark stays when nobody looks at it: for longer than any standing of a counter says something.
const LIFETIME_MS: u64 = 40 * 86_400_000;

/// The mark that Redis holds beside the counters.
#[derive(Default)]
pub(super) struct Mark {
    known: Mutex<Option<Vec<u8>>>,
    /// The connection over which it was looked at last.
    generation: AtomicU64,
    /// How often it was another one.
    losses: AtomicU64,
}

impl Mark {
    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }

    fn is_known(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) == generation
    }
}

impl Shared {
    /// Begins a call to a Redis that is known to hold the counters, and fails when it turns out that it does not. The
    /// mark is looked at once for each connection.
    pub(super) async fn begin(
        &self,
        deadline: Duration,
        permits: Permits,
    ) -> Result<Call<'_>, LinkError> {
        let losses = self.mark.losses();
        let call = self.link.begin(deadline, permits).await?;
        if self.mark.is_known(call.generation()) {
            return Ok(call);
        }
        let ends = call.ends();
        // It would be late by the time the mark is known.
        let permit = call.put_off();
        self.look_at_mark(ends.left(), false).await?;
        if self.mark.losses() != losses {
            return Err(LinkError::Unavailable(
                "Redis has lost what was counted".into(),
            ));
        }
        self.link.begin_with(ends.left(), permit).await
    }

    /// Looks at the mark, over a connection for the first time or (`again`) in any case.
    pub(super) async fn look_at_mark(
        &self,
        deadline: Duration,
        again: bool,
    ) -> Result<(), LinkError> {
        let late = |_| LinkError::Unavailable("Redis had too little time to answer".into());
        let mut known = timeout(deadline, self.mark.known.lock())
            .await
            .map_err(late)?;
        let call = self.link.begin(deadline, Permits::OfOthers).await?;
        let generation = call.generation();
        if !again && self.mark.is_known(generation) {
            return Ok(());
        }
        let (name, fresh) = (self.names.mark(), uuid::Uuid::new_v4().simple().to_string());
        let arguments = |command: &mut Cmd| {
            command.arg(1).arg(&name).arg(&fresh).arg(LIFETIME_MS);
        };
        match self.link.run(call, &scripts::MARK, arguments).await {
            Ok(Value::BulkString(mark)) => {
                if known.as_ref().is_some_and(|known| *known != mark) {
                    // What was taken in advance, Redis does not know of: it is neither given out nor back.
                    self.leases.clear();
                    self.mark.losses.fetch_add(1, Ordering::AcqRel);
                    tracing::warn!(
                        "Redis has lost what was counted; what is known of it is charged again"
                    );
                }
                *known = Some(mark);
            }
            Ok(_) => return Err(self.link.misunderstood("not a mark")),
            Err(error @ LinkError::Unavailable(_)) => return Err(error),
            // The call itself says what is wrong, and the next one looks again.
            Err(LinkError::Refused(_)) => return Ok(()),
            Err(error) => {
                tracing::debug!(error = %Printable(&error), "the mark cannot be read");
            }
        }
        self.mark.generation.store(generation, Ordering::Release);
        Ok(())
    }
}
