use std::{sync::Arc, time::Duration};

use redis::Value;
use tokio::task::yield_now;
use waygate_core::limit::Outcome;

use super::{
    super::link::{LinkError, Permits},
    line::{Joined, Waiter},
    request::{Answer, Request},
    scripts,
    shared::Shared,
};

/// One of the concurrent calls. Dropping it, for whatever reason, sends the next one with the waiting requests.
struct Turn {
    shared: Arc<Shared>,
    generation: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let batches = self.shared.line.leave(self.generation);
        for (index, batch) in batches.into_iter().enumerate() {
            let turn = Self {
                shared: Arc::clone(&self.shared),
                generation: self.generation,
            };
            let follows = index > 0;
            batch.runtime.spawn(turn.send(batch.waiters, follows));
        }
    }
}

impl Turn {
    async fn send(self, batch: Vec<Waiter>, follows: bool) {
        if follows {
            // The first call is written before the second, so that Redis does not reply to both together.
            yield_now().await;
        }
        self.shared.send(batch).await;
        // Clients that got a reply often send the next request immediately, so these requests are sent together.
        yield_now().await;
    }
}

impl Shared {
    /// Sends a request in a separate call while few calls are in flight, otherwise in one call with the requests that
    /// arrive meanwhile: calling a script costs as much as the work in it.
    pub(super) async fn ask(
        self: &Arc<Self>,
        request: Request,
        deadline: Duration,
    ) -> Result<Vec<Outcome>, LinkError> {
        let call = self.begin(deadline, Permits::Own).await?;
        let generation = call.generation();
        // In a cluster, keys of different requests are in different slots.
        if self.link.is_cluster() {
            let arguments = |command: &mut _| Request::arguments([&request].into_iter(), command);
            let answer = self.link.run(call, &scripts::CHARGE, arguments).await?;
            return self.outcomes(&request, &answer, generation);
        }
        match self.line.join(request, generation, call.ends()) {
            Joined::Now(request, turn) => {
                let _turn = Turn {
                    shared: Arc::clone(self),
                    generation: turn,
                };
                let arguments =
                    |command: &mut _| Request::arguments([&request].into_iter(), command);
                let answer = self.link.run(call, &scripts::CHARGE, arguments).await?;
                self.outcomes(&request, &answer, generation)
            }
            Joined::Later(answer) => call.wait(answer).await,
        }
    }

    fn outcomes(
        &self,
        request: &Request,
        answer: &Value,
        generation: u64,
    ) -> Result<Vec<Outcome>, LinkError> {
        let answers = Request::answers([request].into_iter(), answer);
        let answer = answers.and_then(|answers| answers.into_iter().next());
        answer.map_or_else(
            || Err(self.link.misunderstood("expected one outcome per counter")),
            |answer| self.judged(answer, generation),
        )
    }

    fn judged(&self, answer: Answer, generation: u64) -> Result<Vec<Outcome>, LinkError> {
        match answer {
            Answer::Outcomes(outcomes) => Ok(outcomes),
            Answer::Error(text) => Err(self.link.failed(generation, &text)),
        }
    }

    /// Sends several requests in one call and distributes the replies. Equal requests to the same counter are adjacent,
    /// in the order of arrival, so that the script can count them together.
    async fn send(&self, mut batch: Vec<Waiter>) {
        batch.sort_by(|one, other| one.request.cmp(&other.request));
        match self.call(&batch).await {
            Ok((answer, generation)) => {
                let requests = batch.iter().map(|waiter| &waiter.request);
                match Request::answers(requests, &answer) {
                    Some(answers) => {
                        for (waiter, answer) in batch.into_iter().zip(answers) {
                            // A request that stopped waiting needs no reply.
                            let _ = waiter.answer.send(self.judged(answer, generation));
                        }
                    }
                    None => {
                        let error = self.link.misunderstood("expected one outcome per counter");
                        refuse(batch, &error);
                    }
                }
            }
            Err(error) => refuse(batch, &error),
        }
    }

    /// The deadline of the call is the latest one of its requests.
    async fn call(&self, batch: &[Waiter]) -> Result<(Value, u64), LinkError> {
        let longest = batch.iter().map(|waiter| waiter.ends.left()).max();
        let longest = longest.unwrap_or_default();
        let call = self.begin(longest, Permits::OfOthers).await?;
        let generation = call.generation();
        let requests = batch.iter().map(|waiter| &waiter.request);
        let arguments = |command: &mut _| Request::arguments(requests.clone(), command);
        let answer = self.link.run(call, &scripts::CHARGE, arguments).await?;
        Ok((answer, generation))
    }
}

fn refuse(batch: Vec<Waiter>, error: &LinkError) {
    for waiter in batch {
        let _ = waiter.answer.send(Err(error.clone()));
    }
}
