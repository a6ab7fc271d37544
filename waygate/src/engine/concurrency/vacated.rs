use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{task::JoinSet, time::Instant};
use waygate_core::port::CounterError;

use super::{Seat, held::LIFETIME};
use crate::engine::{Inner, limits::lock};

/// How many places are remembered; others are free when their lifetime is over.
const MOST: usize = 65_536;

/// How many places are given back at the same time.
const LANES: usize = 16;

/// Places that could not be given back to the shared store, with when they were last held at the latest.
#[derive(Debug, Default)]
pub(crate) struct Vacated(Mutex<VecDeque<(Instant, Seat)>>);

impl Vacated {
    pub(super) fn add(&self, seat: Seat) {
        let mut seats = lock(&self.0);
        if seats.len() < MOST {
            seats.push_back((Instant::now(), seat));
        }
    }

    /// The next ones whose lifetime is not over.
    fn next(&self) -> Vec<(Instant, Seat)> {
        let mut seats = lock(&self.0);
        seats.retain(|(since, _)| since.elapsed() < LIFETIME);
        let count = seats.len().min(LANES);
        seats.drain(..count).collect()
    }

    /// Gives all of them back, until the store fails.
    pub(crate) async fn give_back(inner: &Arc<Inner>) -> Result<(), CounterError> {
        let Some(shared) = &inner.counters.shared else {
            return Ok(());
        };
        loop {
            let mut calls = JoinSet::new();
            for (since, seat) in shared.vacated.next() {
                calls.spawn(give_back(inner.clone(), since, seat));
            }
            if calls.is_empty() {
                return Ok(());
            }
            let mut given = Ok(());
            while let Some(call) = calls.join_next().await {
                given = given.and(call.unwrap_or(Ok(())));
            }
            given?;
        }
    }
}

async fn give_back(inner: Arc<Inner>, since: Instant, seat: Seat) -> Result<(), CounterError> {
    let Some(shared) = &inner.counters.shared else {
        return Ok(());
    };
    let given = shared.in_time(shared.store.vacate(seat.shared())).await;
    if given.is_err() {
        lock(&shared.vacated.0).push_back((since, seat));
    }
    given
}
