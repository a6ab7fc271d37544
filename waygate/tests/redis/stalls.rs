//! Detects stalls of the machine.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(1);

/// No thread waits longer than this for a processor on an idle machine.
const USUAL: Duration = Duration::from_millis(8);

/// A thread that only sleeps, and records when it was woken late, and when another thread of this process was ready
/// to run and waited. It shares only the machine with what is measured.
pub(crate) struct Stalls {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(Instant, Instant)>>,
}

impl Stalls {
    pub(crate) fn watch() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut stalls, mut queued) = (Vec::new(), Queued::default());
            let mut looked = Instant::now();
            queued.longest();
            while !stopped.load(Ordering::Relaxed) {
                let due = Instant::now() + PAUSE;
                thread::sleep(PAUSE);
                let woken = Instant::now();
                if woken.saturating_duration_since(due) > USUAL {
                    stalls.push((due, woken));
                }
                if woken.duration_since(looked) >= USUAL {
                    let waited = queued.longest();
                    if waited > USUAL {
                        // The stall ended now at the latest, and started after the previous check at the earliest.
                        stalls.push((looked.checked_sub(waited).unwrap_or(looked), woken));
                    }
                    looked = woken;
                }
            }
            merged(stalls)
        });
        Self { stop, thread }
    }

    pub(crate) fn end(self) -> Stalled {
        self.stop.store(true, Ordering::Relaxed);
        Stalled(self.thread.join().unwrap())
    }
}

/// The times when the machine stalled, in order.
pub(crate) struct Stalled(Vec<(Instant, Instant)>);

impl Stalled {
    /// The longest stall that overlaps the time between two moments.
    pub(crate) fn longest(&self, from: Instant, to: Instant) -> Duration {
        let first = self.0.partition_point(|(_, end)| *end <= from);
        let touching = self.0[first..].iter().take_while(|(start, _)| *start < to);
        touching
            .map(|(start, end)| *end - *start)
            .max()
            .unwrap_or_default()
    }

    pub(crate) fn total(&self) -> Duration {
        self.0.iter().map(|(start, end)| *end - *start).sum()
    }
}

/// How long the threads of this process were ready to run but did not, as reported by Linux. Elsewhere, the sleeping
/// thread has to do.
#[derive(Default)]
struct Queued(HashMap<OsString, Duration>);

impl Queued {
    /// The longest wait of one thread since the last call.
    fn longest(&mut self) -> Duration {
        let mut longest = Duration::ZERO;
        let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
        for thread in threads.flatten() {
            let stats = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let nanos = stats.split_whitespace().nth(1);
            let Some(nanos) = nanos.and_then(|nanos| nanos.parse().ok()) else {
                continue;
            };
            let total = Duration::from_nanos(nanos);
            let before = self.0.insert(thread.file_name(), total);
            longest = longest.max(total.saturating_sub(before.unwrap_or(total)));
        }
        longest
    }
}

/// In order, and without overlaps.
fn merged(mut stalls: Vec<(Instant, Instant)>) -> Vec<(Instant, Instant)> {
    stalls.sort_unstable();
    let mut merged: Vec<(Instant, Instant)> = Vec::new();
    for (start, end) in stalls {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}
