use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use smallvec::SmallVec;
use tokio::{runtime::Handle, sync::oneshot};
use waygate_core::limit::Outcome;

use super::{
    super::link::{Ends, LinkError},
    request::Request,
};

/// The number of concurrent calls before requests share one: while Redis processes one call, the replies to another are
/// read, and the next is ready.
const UNDER_WAY: usize = 3;
/// The maximum number of requests in one call, which blocks all other clients of Redis.
const BATCH: usize = 64;
/// Fewer requests than this are sent in one call even if no other call is in flight.
const FEW: usize = 8;

/// A request that is sent together with others.
pub(super) struct Waiter {
    pub(super) request: Request,
    pub(super) ends: Ends,
    pub(super) answer: oneshot::Sender<Result<Vec<Outcome>, LinkError>>,
    /// The runtime of its caller.
    runtime: Handle,
}

/// Requests that are sent in one call.
pub(super) struct Batch {
    pub(super) waiters: Vec<Waiter>,
    /// The runtime of the first caller.
    pub(super) runtime: Handle,
}

/// The requests that arrive while enough calls are in flight.
#[derive(Default)]
pub(super) struct Line {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The connection of the calls in flight. Calls over earlier connections may never end.
    generation: u64,
    under_way: usize,
    waiting: VecDeque<Waiter>,
}

/// How a request is sent to Redis.
pub(super) enum Joined {
    /// In its own call. The call is in flight on the connection of that generation; the caller must [`Line::leave`] in
    /// any case.
    Now(Request, u64),
    /// Together with other requests. The receiver gets the reply.
    Later(oneshot::Receiver<Result<Vec<Outcome>, LinkError>>),
}

impl Line {
    /// `generation` is the generation of the request's connection.
    pub(super) fn join(&self, request: Request, generation: u64, ends: Ends) -> Joined {
        let mut state = self.state();
        if generation > state.generation {
            (state.generation, state.under_way) = (generation, 0);
        }
        if state.under_way < UNDER_WAY {
            state.under_way += 1;
            return Joined::Now(request, state.generation);
        }
        let (answer, receiver) = oneshot::channel();
        state.waiting.push_back(Waiter {
            request,
            ends,
            answer,
            runtime: Handle::current(),
        });
        Joined::Later(receiver)
    }

    /// Ends a call. Returns the next calls for the waiting requests; they count as in flight.
    pub(super) fn leave(&self, generation: u64) -> SmallVec<[Batch; UNDER_WAY]> {
        let mut state = self.state();
        let mut batches = SmallVec::new();
        if generation != state.generation {
            return batches;
        }
        state.under_way -= 1;
        while state.under_way < UNDER_WAY {
            // Redis would be idle while the replies are read, so some of the requests are sent a little later.
            let free = UNDER_WAY - state.under_way;
            let most = state.waiting.len().div_ceil(free).clamp(FEW, BATCH);
            let Some(batch) = state.batch(most) else {
                break;
            };
            batches.push(batch);
            state.under_way += 1;
        }
        batches
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock cannot leave the value half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn batch(&mut self, most: usize) -> Option<Batch> {
        let mut batch = Vec::new();
        while batch.len() < most
            && let Some(waiter) = self.waiting.pop_front()
        {
            // A request without a caller is not charged.
            if !waiter.answer.is_closed() {
                batch.push(waiter);
            }
        }
        let runtime = batch.first()?.runtime.clone();
        Some(Batch {
            waiters: batch,
            runtime,
        })
    }
}
