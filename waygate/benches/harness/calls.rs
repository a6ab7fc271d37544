use std::{
    fmt,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use cpu_time::ThreadTime;

use crate::Timing;

/// A call to repeat, from several threads.
pub struct Call<'a> {
    name: &'static str,
    run: Box<dyn Fn(usize) + Sync + 'a>,
    rounds: Vec<Duration>,
}

impl<'a> Call<'a> {
    /// `run` gets a number that is incremented with each call of a thread.
    pub fn new(name: &'static str, run: impl Fn(usize) + Sync + 'a) -> Self {
        // The loop is inside, so that the call is not through a pointer.
        let run = move |first: usize| (first..first + CALLS as usize).for_each(&run);
        Self {
            name,
            run: Box::new(run),
            rounds: Vec::new(),
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

const ROUNDS: usize = 100;
const CALLS: u32 = 50_000;

/// Times all calls from this many threads, in another order in each round. With one thread, measures its CPU time;
/// with several, the elapsed time of a thread, since contention is what matters.
pub fn time_calls(mut calls: Vec<Call<'_>>, threads: usize) -> Vec<Timing> {
    let count = calls.len();
    for round in 0..ROUNDS + 2 {
        for step in 0..count {
            let call = &mut calls[(step + round) % count];
            let elapsed = match threads {
                1 => {
                    let start = ThreadTime::now();
                    (call.run)(round);
                    start.elapsed()
                }
                _ => together(&call.run, threads, round),
            };
            // The first two rounds warm up.
            if round >= 2 {
                call.rounds.push(elapsed);
            }
        }
    }
    let timings = calls.into_iter();
    timings
        .map(|call| Timing::of(call.name, call.rounds, CALLS))
        .collect()
}

/// The mean over the threads.
fn together(run: &(dyn Fn(usize) + Sync), threads: usize, round: usize) -> Duration {
    let barrier = Barrier::new(threads);
    let one = |thread: usize| {
        barrier.wait();
        let start = Instant::now();
        // Each starts somewhere else.
        run(round + thread * CALLS as usize / 2);
        start.elapsed()
    };
    let total: Duration = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || one(thread)))
            .collect();
        let elapsed = running.into_iter().map(|thread| thread.join());
        elapsed.map(|elapsed| elapsed.unwrap_or_default()).sum()
    });
    total / threads as u32
}
