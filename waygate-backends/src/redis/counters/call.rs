use std::time::Duration;

use redis::{Cmd, Value};
use tokio::time::timeout;
use waygate_core::Printable;

use super::{
    super::link::{Call, LinkError, Permits},
    scripts,
    shared::Shared,
};

/// The mark outlives every counter, even if no process reads it.
const MARK_LIFETIME_MS: u64 = 40 * 86_400_000;

impl Shared {
    /// Starts a call, or fails if Redis has lost the counters. Reads the mark once per connection.
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
        // Without the mark in time, the call would be late.
        let permit = call.put_off();
        self.look_at_mark(ends.left(), false).await?;
        if self.mark.losses() != losses {
            return Err(LinkError::Unavailable(
                "Redis has lost what was counted".into(),
            ));
        }
        self.link.begin_with(ends.left(), permit).await
    }

    /// Reads the mark, unless it was read over this connection before. `again` reads it in any case.
    pub(super) async fn look_at_mark(
        &self,
        deadline: Duration,
        again: bool,
    ) -> Result<(), LinkError> {
        let late = |_| LinkError::Unavailable("Redis had too little time to answer".into());
        let mut known = timeout(deadline, self.mark.lock()).await.map_err(late)?;
        let call = self.link.begin(deadline, Permits::OfOthers).await?;
        let generation = call.generation();
        if !again && self.mark.is_known(generation) {
            return Ok(());
        }
        let (name, fresh) = (self.names.mark(), uuid::Uuid::new_v4().simple().to_string());
        let arguments = |command: &mut Cmd| {
            command.arg(1).arg(&name).arg(&fresh).arg(MARK_LIFETIME_MS);
        };
        match self.link.run(call, &scripts::MARK, arguments).await {
            Ok(Value::BulkString(mark)) => {
                if known.as_ref().is_some_and(|known| *known != mark) {
                    // Redis has lost the leased units: they are neither granted nor refunded.
                    self.leases.clear();
                    self.mark.count_loss();
                    tracing::warn!(
                        "Redis has lost the rate-limit counters; known usage is charged again"
                    );
                }
                *known = Some(mark);
            }
            Ok(_) => return Err(self.link.misunderstood("expected the mark of the counters")),
            Err(error @ LinkError::Unavailable(_)) => return Err(error),
            // The call reports the same error, and the next one reads the mark again.
            Err(LinkError::Refused(_)) => return Ok(()),
            Err(error) => {
                tracing::debug!(error = %Printable(&error), "cannot read the mark of the counters");
            }
        }
        self.mark.confirm(generation);
        Ok(())
    }
}
