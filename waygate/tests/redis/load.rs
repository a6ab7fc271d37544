//! An open-loop load: each request is sent when it is due, and latency counts from then on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    task::{JoinHandle, JoinSet},
    time::{sleep_until, timeout},
};
use waygate_faultproxy::eventually;

use crate::{
    http::Client,
    stalls::{Stalled, Stalls},
    support::PATIENCE,
};

const PATHS: [&str; 10] = [
    "/local",
    "/local",
    "/local",
    "/open",
    "/closed",
    "/exhausted",
    "/disabled",
    "/disabled",
    "/disabled",
    "/disabled",
];

/// Requests to all routes, at a fixed rate until it is ended.
pub(crate) struct Load {
    rate: u32,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    sender: JoinHandle<Vec<Sample>>,
    stalls: Stalls,
}

struct Sample {
    path: &'static str,
    due: Instant,
    done: Instant,
    /// `None` if there was no response.
    status: Option<u16>,
}

impl Load {
    /// Starts requests at this rate, to the paths in an order given by the seed.
    pub(crate) fn on(client: &Client, rate: u32, seed: u64) -> Self {
        let (stop, sent) = (Arc::default(), Arc::default());
        let sender = send(
            client.clone(),
            rate,
            seed,
            Arc::clone(&stop),
            Arc::clone(&sent),
        );
        Self {
            rate,
            stop,
            sent,
            sender: tokio::spawn(sender),
            stalls: Stalls::watch(),
        }
    }

    /// Waits until it has sent the requests of that time.
    pub(crate) async fn goes_on_for(&self, time: Duration) {
        let sent = self.sent.load(Ordering::Relaxed);
        self.reaches(sent + self.requests(time)).await;
    }

    /// Waits until it has sent the requests of that time since its start.
    pub(crate) async fn lasts(&self, time: Duration) {
        self.reaches(self.requests(time)).await;
    }

    fn requests(&self, time: Duration) -> usize {
        (f64::from(self.rate) * time.as_secs_f64()) as usize
    }

    async fn reaches(&self, requests: usize) {
        let limit = PATIENCE + Duration::from_secs(3) * (requests as u32 / self.rate);
        let sent = || self.sent.load(Ordering::Relaxed) >= requests;
        eventually(limit, "the load goes on", sent).await;
    }

    /// Waits for all responses.
    pub(crate) async fn end(self) -> Leg {
        self.stop.store(true, Ordering::Relaxed);
        Leg {
            samples: self.sender.await.unwrap(),
            stalled: self.stalls.end(),
        }
    }
}

async fn send(
    client: Client,
    rate: u32,
    seed: u64,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
) -> Vec<Sample> {
    let mut random = fastrand::Rng::with_seed(seed);
    let begin = tokio::time::Instant::now();
    let (mut running, mut samples) = (JoinSet::new(), Vec::new());
    let mut nth = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = begin + Duration::from_secs(1) * nth / rate;
        sleep_until(due).await;
        let path = PATHS[random.usize(..PATHS.len())];
        let client = client.clone();
        running.spawn(async move {
            let answer = timeout(PATIENCE, client.get(path)).await;
            Sample {
                path,
                due: due.into_std(),
                done: Instant::now(),
                status: answer.ok().map(|status| status.as_u16()),
            }
        });
        nth += 1;
        sent.store(nth as usize, Ordering::Relaxed);
        while let Some(sample) = running.try_join_next() {
            samples.push(sample.unwrap());
        }
    }
    samples.extend(running.join_all().await);
    samples
}

/// The results of a load.
pub(crate) struct Leg {
    samples: Vec<Sample>,
    pub(crate) stalled: Stalled,
}

/// Times from due to answered, only of responses that depend on Redis, and without those while the machine stalled.
#[derive(Debug)]
pub(crate) struct Latency {
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

impl Leg {
    pub(crate) fn requests(&self) -> usize {
        self.samples.len()
    }

    /// How often each route gave each status; 0 is no response.
    pub(crate) fn answers(&self) -> BTreeMap<(&'static str, u16), usize> {
        let mut answers = BTreeMap::new();
        for sample in &self.samples {
            *answers
                .entry((sample.path, sample.status.unwrap_or(0)))
                .or_default() += 1;
        }
        answers
    }

    pub(crate) fn latency(&self) -> Latency {
        let mut times: Vec<Duration> = self
            .counted()
            .filter(|sample| !self.is_left_out(sample))
            .map(Sample::took)
            .collect();
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        Latency {
            p99: at(0.99),
            max: at(1.0),
        }
    }

    /// The slowest response, whatever the cause.
    pub(crate) fn slowest(&self) -> Duration {
        self.counted().map(Sample::took).max().unwrap_or_default()
    }

    pub(crate) fn left_out(&self) -> usize {
        self.counted()
            .filter(|sample| self.is_left_out(sample))
            .count()
    }

    /// The share of requests due between two moments that are left out.
    pub(crate) fn share_left_out(&self, from: Instant, to: Instant) -> f64 {
        let (mut all, mut left_out) = (0, 0);
        let between = |sample: &&Sample| sample.due >= from && sample.due < to;
        for sample in self.counted().filter(between) {
            all += 1;
            left_out += u32::from(self.is_left_out(sample));
        }
        f64::from(left_out) / f64::from(all.max(1))
    }

    /// The times when the first request was due and the last was answered.
    pub(crate) fn time(&self) -> (Instant, Instant) {
        let first = self.samples.iter().map(|sample| sample.due).min();
        let last = self.samples.iter().map(|sample| sample.done).max();
        (first.unwrap(), last.unwrap())
    }

    fn counted(&self) -> impl Iterator<Item = &Sample> {
        self.samples
            .iter()
            .filter(|sample| sample.path != "/disabled")
    }

    fn is_left_out(&self, sample: &Sample) -> bool {
        !self.stalled.longest(sample.due, sample.done).is_zero()
    }
}

impl Sample {
    fn took(&self) -> Duration {
        self.done.saturating_duration_since(self.due)
    }
}
