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

/// How many calls are under way before requests wait for one another: while Redis works on one, the answers to another
/// are read, and the next is there when it is done.
const UNDER_WAY: usize = 3;
/// How many requests go into one call at most. Nobody else is served by Redis meanwhile.
const BATCH: usize = 64;
/// Fewer than these go in one call, though nothing else is under way.
const FEW: usize = 8;

/// A request that is sent with others.
pub(super) struct Waiter {
    pub(super) request: Request,
    pub(super) ends: Ends,
    pub(super) answer: oneshot::Sender<Result<Vec<Outcome>, LinkError>>,
    /// Where its caller runs.
    runtime: Handle,
}

/// Requests that go in one call.
pub(super) struct Batch {
    pub(super) waiters: Vec<Waiter>,
    /// Where the first of their callers runs.
    pub(super) runtime: Handle,
}

/// Where requests wait that come while enough calls are under way.
#[derive(Default)]
pub(super) struct Line {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The connection that calls are under way over: those over earlier ones may never end.
    generation: u64,
    under_way: usize,
    waiting: VecDeque<Waiter>,
}

/// How a request goes to Redis.
pub(super) enum Joined {
    /// At once; a call of that generation is under way, and whoever makes it has to [`Line::leave`] in any case.
    Now(Request, u64),
    /// With others, by somebody who tells it the answer.
    Later(oneshot::Receiver<Result<Vec<Outcome>, LinkError>>),
}

impl Line {
    /// `generation` is that of the connection that the request has found.
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

    /// A call is over. If requests wait, others follow with them, which are still under way.
    pub(super) fn leave(&self, generation: u64) -> SmallVec<[Batch; UNDER_WAY]> {
        let mut state = self.state();
        let mut batches = SmallVec::new();
        if generation != state.generation {
            return batches;
        }
        state.under_way -= 1;
        while state.under_way < UNDER_WAY {
            // Redis would have nothing to do while the answers are read: it has some of them a little later.
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
        // Nothing under the lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn batch(&mut self, most: usize) -> Option<Batch> {
        let mut batch = Vec::new();
        while batch.len() < most
            && let Some(waiter) = self.waiting.pop_front()
        {
            // Whose caller is gone is not charged.
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
